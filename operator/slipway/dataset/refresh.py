"""Is it time to look whether the source of published data changed, and what follows from a look?

A look is a Job like that of a preparation, which is told what is published: where nothing changed it ends at once.
Whatever becomes of it, what is published stays so until there is newer data.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slipway.api.conditions import REFRESH_FAILED, Condition, condition, find, moment, timestamp
from slipway.api.dataset_refresh import REFRESH_ANNOTATION, SourceStatus
from slipway.attempt import Again, Done, Going, Hopeless, number, outcome
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Prepared, Unchanged
from slipway.dataset.objects import Dataset, preparation
from slipway.dataset.observe import Observed
from slipway.dataset.plans import PREPARED, objects_of, published, ready, summary
from slipway.dataset.terms import TERMS
from slipway.jobs import Run
from slipway.plan import Event, Plan
from slipway.settings import Settings


def keep_fresh(dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the plan of `dataset`, whose data is published."""
    if dataset.look is not None:
        return _looking(dataset, seen, now, settings)
    left = due(dataset, now)
    if left is not None and left <= timedelta():
        return _beginning(dataset, seen, now, settings)
    return ready(dataset, seen, dataset.status, now, look_again=left)


def due(dataset: Dataset, now: datetime) -> timedelta | None:
    """Return how long it is until the next look; zero or less: now. None: never, unless somebody asks."""
    known = dataset.status.source or SourceStatus()
    if dataset.asked and dataset.asked != known.command:
        return timedelta()
    if dataset.spec.refresh is None:
        return None
    if known.last_checked_at is None:
        return timedelta()
    every = timedelta(seconds=dataset.spec.refresh.every_seconds)
    left = moment(known.last_checked_at) + every - now
    # A clock that was set back, or forward by mistake when the last look ended, must not put the next one off for ever.
    return left if left <= 2 * every else timedelta()


def _beginning(dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    known = dataset.status.source or SourceStatus()
    update: dict[str, Any] = {"looking_since": timestamp(now)}
    if dataset.asked and dataset.asked != known.command:
        update |= {"command": dataset.asked, "refused": None}
    return _starting(_with(dataset, **update), seen, now, settings, attempt=1)


def _starting(dataset: Dataset, seen: Observed, now: datetime, settings: Settings, attempt: int) -> Plan:
    children = preparation(dataset, attempt, settings)
    return ready(dataset, _without(seen, children[-1]["metadata"]["name"]), dataset.status, now, children=children)


def _looking(dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    if seen.run is None:
        return _starting(dataset, seen, now, settings, attempt=1)
    if (same := _unchanged(seen.run)) is not None:
        return _same(dataset, seen, same, now)
    return _after(seen.run, dataset, seen, now, settings)


def _after(run: Run, dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    match outcome(run, TERMS, now):
        case Going(_, said, look, _):
            said = f"Job {run.name} looks whether the source changed: {said}" if said else ""
            return ready(dataset, seen, dataset.status, now, said=said, keep=objects_of(run), look_again=look)
        case Again(at, reason, said) if at > now:
            complaint = _complaint(dataset, reason, f"{said}; trying again at {timestamp(at)}", now)
            return ready(
                dataset, seen, dataset.status, now, complaints=[complaint], keep=objects_of(run), look_again=at - now
            )
        case Again():
            return _starting(dataset, seen, now, settings, number(run) + 1)
        case Hopeless() as why:
            return _failed(dataset, seen, why, now)
        case Done(result):
            return _new(dataset, seen, result, now)


def _unchanged(run: Run) -> Unchanged | None:
    """Return what the look said, where it found nothing new."""
    for end in reversed(run.ends):
        if end.exit_code == ExitCode.OK and isinstance(end.result, Unchanged):
            return end.result
    return None


def _same(dataset: Dataset, seen: Observed, found: Unchanged, now: datetime) -> Plan:
    ended = {"looking_since": None, "last_checked_at": timestamp(now)}
    if found.refused:
        return _settled(_with(dataset, **ended), seen, now)
    after = _with(dataset, **ended, refused=None)
    status = after.status.model_copy(update={"revision": found.revision or None})
    return _settled(replace(after, status=status), seen, now, complaints=())


def _new(dataset: Dataset, seen: Observed, result: Prepared, now: datetime) -> Plan:
    same = result.artifact.digest == dataset.status.digest
    events = () if same else (Event(PREPARED, f"the source changed: {summary(result.rows)}"),)
    after = replace(dataset, status=published(dataset, result, now))
    return _settled(after, seen, now, complaints=(), events=events)


def _failed(dataset: Dataset, seen: Observed, why: Hopeless, now: datetime) -> Plan:
    refused, report = (why.failed.inputs, why.failed.report) if why.failed is not None else (None, "")
    said = f"{why.said.rstrip('.')}. "
    said += f"Report: {report}. " if report else ""
    said += f"The data before is served. Correct the source, then set annotation {REFRESH_ANNOTATION} to a new value"
    said += ", or wait for the next look." if dataset.spec.refresh is not None else "."
    complaint = _complaint(dataset, why.reason, said, now)
    before = find(dataset.status.conditions, REFRESH_FAILED)
    told = before is not None and (before.reason, before.message) == (complaint.reason, complaint.message)
    events = () if told else (Event(REFRESH_FAILED, f"{why.reason}: {said}", type="Warning"),)
    after = _with(dataset, looking_since=None, last_checked_at=timestamp(now), refused=refused)
    return _settled(after, seen, now, complaints=[complaint], events=events)


def _settled(dataset: Dataset, seen: Observed, now: datetime, **rest: Any) -> Plan:
    """Return the plan of `dataset` as it is after a look."""
    return ready(dataset, seen, dataset.status, now, look_again=due(dataset, now), **rest)


def _complaint(dataset: Dataset, reason: str, said: str, now: datetime) -> Condition:
    return condition(dataset.status.conditions, REFRESH_FAILED, "True", reason, said, dataset.generation, now)


def _with(dataset: Dataset, **update: Any) -> Dataset:
    """Return `dataset` with other words about its source."""
    source = (dataset.status.source or SourceStatus()).model_copy(update=update)
    return replace(dataset, status=dataset.status.model_copy(update={"source": source}))


def _without(seen: Observed, name: str) -> Observed:
    """Return what is seen beside the attempt `name`, which is applied now."""
    return replace(seen, owned=frozenset(one for one in seen.owned if one[1] != name))
