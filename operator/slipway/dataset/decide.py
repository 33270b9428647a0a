"""What does a Dataset need next?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from slipway.api.conditions import STALLED, Progressing, find, timestamp
from slipway.api.dataset import DatasetStatus
from slipway.api.dataset_refresh import SourceStatus
from slipway.attempt import Again, Done, Going, Hopeless, number, outcome
from slipway.contract.result import Prepared
from slipway.dataset.members import MEMBER_REASONS
from slipway.dataset.objects import CONFIG_LIMIT, Dataset, config_bytes, preparation
from slipway.dataset.observe import Observed
from slipway.dataset.plans import PREPARED, objects_of, plan, published, ready, summary
from slipway.dataset.refresh import due, keep_fresh
from slipway.dataset.terms import TERMS
from slipway.jobs import Run
from slipway.plan import Event, Plan
from slipway.rooms import Missing
from slipway.settings import Settings

PREPARING: Final = "Preparing"
INLINE_TOO_LARGE: Final = "InlineTooLarge"
PREPARATION_STARTED: Final = "PreparationStarted"


def decide(dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the children and status that `dataset` should have at `now`.

    Total and idempotent. A published artefact stays in status until a newer one replaces it, even when the newer one
    fails: what was trained on it can still be traced.
    """
    status, run = dataset.status, seen.run
    if dataset.published:
        return keep_fresh(dataset, seen, now, settings)
    if run is None:
        return _starting(dataset, now, settings, attempt=1)
    told = status.state == "Failed" and status.observed_generation == dataset.generation and not _waited(status)
    if told and run.phase == "Failed":
        # Its pods may be gone by now, and with them the reason that status still tells.
        return Plan(status=status.dump(), keep=objects_of(run))
    return _after(run, dataset, seen, now, settings)


def waiting(dataset: Dataset, missing: Missing, keep: frozenset[tuple[str, str]], now: datetime) -> Plan:
    """Return the plan of a mix that cannot begin. What was published, and what runs on former data, stays (`keep`).

    It is not Ready meanwhile: members that are being changed are about to change it.
    """
    if missing.stalled:
        return _stalled(dataset, now, missing.reason, missing.said, keep=keep)
    view = Progressing(ready="False", reconciling=True, reason=missing.reason, message=missing.said)
    return plan(dataset, now, view, {"state": "Pending"}, keep=keep)


def _waited(status: DatasetStatus) -> bool:
    """Tell whether what status complains about is a member, and not an attempt of its own."""
    stalled = find(status.conditions, STALLED)
    return stalled is not None and stalled.reason in MEMBER_REASONS


def _after(run: Run, dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    match outcome(run, TERMS, now):
        case Going(_, said, look, reason):
            return _preparing(dataset, now, run, reason or PREPARING, said, requeue_after=look)
        case Again(at, reason, said) if at > now:
            said = f"{said}; trying again at {timestamp(at)}"
            return _preparing(dataset, now, run, reason, said, requeue_after=at - now)
        case Again():
            return _starting(dataset, now, settings, number(run) + 1)
        case Hopeless() as why:
            return _failed(dataset, now, run, why)
        case Done(result):
            return _published(dataset, seen, result, now)


def _starting(dataset: Dataset, now: datetime, settings: Settings, attempt: int) -> Plan:
    config, *others, job = preparation(dataset, attempt, settings)
    if (size := config_bytes(config)) > CONFIG_LIMIT:
        said = (
            f"spec.source.inline holds {size} bytes, a pod can be told {CONFIG_LIMIT}: put the files into the object "
            "store and name them in spec.source.objectStore."
        )
        return _stalled(dataset, now, INLINE_TOO_LARGE, said)
    said = f"starting Job {job['metadata']['name']}"
    view = Progressing(ready="False", reconciling=True, reason=PREPARING, message=said)
    event = Event(PREPARATION_STARTED, said)
    update: dict[str, Any] = {"state": "Preparing"}
    known = dataset.status.source or SourceStatus()
    # It reads the source as it is now, which is all that a look does and that was asked for.
    begun = known.model_copy(update={"looking_since": None, "refused": None, "command": dataset.asked or known.command})
    if begun != known:
        update["source"] = begun
    return plan(dataset, now, view, update, children=(config, *others, job), events=(event,))


def _preparing(dataset: Dataset, now: datetime, run: Run, reason: str = PREPARING, said: str = "", **rest: Any) -> Plan:
    message = f"Job {run.name}: {said}" if said else f"Job {run.name} prepares the data"
    view = Progressing(ready="False", reconciling=True, reason=reason, message=message)
    return plan(dataset, now, view, {"state": "Preparing"}, keep=objects_of(run), **rest)


def _published(dataset: Dataset, seen: Observed, result: Prepared, now: datetime) -> Plan:
    after = published(dataset, result, now)
    left = due(replace(dataset, status=after), now)
    events = (Event(PREPARED, summary(result.rows)),)
    return ready(dataset, seen, after, now, complaints=(), look_again=left, events=events)


def _failed(dataset: Dataset, now: datetime, run: Run, why: Hopeless) -> Plan:
    said = f"{why.said.rstrip('.')}."
    update: dict[str, Any] = {}
    if why.failed is not None and why.failed.report:
        said = f"{said} Report: {why.failed.report}."
    if why.failed is not None and dataset.status.artifact is None:
        # With an artefact there, rows and report are its own: a spec that returns to it is Ready at once.
        update = {"rows": why.failed.rows, "report": why.failed.report or None}
    said = f"{said} Change spec, or delete Job {run.name} to try again."
    return _stalled(dataset, now, why.reason, said, update, keep=objects_of(run))


def _stalled(
    dataset: Dataset, now: datetime, reason: str, said: str, update: dict[str, Any] | None = None, **rest: Any
) -> Plan:
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    event = Event(reason, said, type="Warning")
    return plan(dataset, now, view, (update or {}) | {"state": "Failed"}, events=(event,), **rest)
