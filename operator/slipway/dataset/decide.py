"""What does a Dataset need next?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.conditions import STALLED, Progressing, find, kstatus, timestamp
from slipway.api.dataset import DatasetStatus, Rows
from slipway.api.dataset_mix import MemberStatus
from slipway.attempt import Again, Done, Going, Hopeless, Terms, number, outcome
from slipway.contract.result import Prepared
from slipway.dataset.members import MEMBER_REASONS
from slipway.dataset.objects import CONFIG_LIMIT, Dataset, config_bytes, preparation
from slipway.dataset.observe import Observed
from slipway.jobs import Run
from slipway.plan import Event, Plan
from slipway.rooms import Missing, stays
from slipway.settings import Settings

PREPARING: Final = "Preparing"
PREPARED: Final = "Prepared"
INLINE_TOO_LARGE: Final = "InlineTooLarge"
TERMS: Final = Terms(
    result=Prepared,
    doing="preparing",
    failed="PreparationFailed",
    timed_out="PreparationTimedOut",
    more_time="raise spec.deadlineSeconds, or split the data",
    more_memory="raise spec.resources.memory",
    more_storage="raise spec.resources.storage",
)
PREPARATION_STARTED: Final = "PreparationStarted"


def decide(dataset: Dataset, seen: Observed, now: datetime, settings: Settings) -> Plan:
    """Return the children and status that `dataset` should have at `now`.

    Total and idempotent. A published artefact stays in status until a newer one replaces it, even when the newer one
    fails: what was trained on it can still be traced.
    """
    status, run = dataset.status, seen.run
    if status.artifact is not None and status.recipe == dataset.recipe:
        return _ready(dataset, seen, status, now)
    if run is None:
        return _starting(dataset, now, settings, attempt=1)
    told = status.state == "Failed" and status.observed_generation == dataset.generation and not _waited(status)
    if told and run.phase == "Failed":
        # Its pods may be gone by now, and with them the reason that status still tells.
        return Plan(status=status.dump(), keep=_objects_of(run))
    return _after(run, dataset, seen, now, settings)


def waiting(dataset: Dataset, missing: Missing, keep: frozenset[tuple[str, str]], now: datetime) -> Plan:
    """Return the plan of a mix that cannot begin. What was published, and what runs on former data, stays (`keep`).

    It is not Ready meanwhile: members that are being changed are about to change it.
    """
    if missing.stalled:
        return _stalled(dataset, now, missing.reason, missing.said, keep=keep)
    view = Progressing(ready="False", reconciling=True, reason=missing.reason, message=missing.said)
    return _plan(dataset, now, view, {"state": "Pending"}, keep=keep)


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


def _objects_of(run: Run) -> frozenset[tuple[str, str]]:
    return run.objects | {("NetworkPolicy", run.name)}


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
    return _plan(dataset, now, view, {"state": "Preparing"}, children=(config, *others, job), events=(event,))


def _preparing(dataset: Dataset, now: datetime, run: Run, reason: str = PREPARING, said: str = "", **rest: Any) -> Plan:
    message = f"Job {run.name}: {said}" if said else f"Job {run.name} prepares the data"
    view = Progressing(ready="False", reconciling=True, reason=reason, message=message)
    return _plan(dataset, now, view, {"state": "Preparing"}, keep=_objects_of(run), **rest)


def _published(dataset: Dataset, seen: Observed, result: Prepared, now: datetime) -> Plan:
    found = dataset.status.model_copy(
        update={
            "recipe": dataset.recipe,
            "digest": result.artifact.digest,
            "artifact": result.artifact,
            "rows": result.rows,
            "report": result.report or None,
            "exports": list(result.exports) if result.exports else None,
            "revision": result.revision or None,
            "members": [MemberStatus(name=m.name, digest=m.artifact.digest) for m in dataset.members] or None,
        }
    )
    return _ready(dataset, seen, found, now, events=(Event(PREPARED, _summary(result.rows)),))


def _ready(dataset: Dataset, seen: Observed, status: DatasetStatus, now: datetime, **rest: Any) -> Plan:
    """Return the plan of published data. The Job that made it stays for a while, so that its log can be read."""
    said = _summary(status.rows or Rows())
    view = Progressing(ready="True", reason=PREPARED, message=said)
    stay = _staying(dataset, seen, now)
    kept = ("recipe", "digest", "artifact", "rows", "report", "exports", "revision", "members")
    update = {name: getattr(status, name) for name in kept}
    return _plan(dataset, now, view, update | {"state": "Ready"}, **stay, **rest)


def _staying(dataset: Dataset, seen: Observed, now: datetime) -> dict[str, Any]:
    """Return what is kept of the children, and until when."""
    left = stays(seen.ended, dataset.spec.ttl_seconds_after_finished, now)
    if left is not None and left <= timedelta():
        return {}
    return {"keep": _without_policies(seen.owned), "requeue_after": left}


def _without_policies(owned: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return what stays of the children of published data: nothing needs a way through the network any more."""
    return frozenset((kind, name) for kind, name in owned if kind != "NetworkPolicy")


def _failed(dataset: Dataset, now: datetime, run: Run, why: Hopeless) -> Plan:
    said = f"{why.said.rstrip('.')}."
    update: dict[str, Any] = {}
    if why.failed is not None and why.failed.report:
        said = f"{said} Report: {why.failed.report}."
    if why.failed is not None and dataset.status.artifact is None:
        # With an artefact there, rows and report are its own: a spec that returns to it is Ready at once.
        update = {"rows": why.failed.rows, "report": why.failed.report or None}
    said = f"{said} Change spec, or delete Job {run.name} to try again."
    return _stalled(dataset, now, why.reason, said, update, keep=_objects_of(run))


def _stalled(
    dataset: Dataset, now: datetime, reason: str, said: str, update: dict[str, Any] | None = None, **rest: Any
) -> Plan:
    view = Progressing(ready="False", stalled=True, reason=reason, message=said)
    event = Event(reason, said, type="Warning")
    return _plan(dataset, now, view, (update or {}) | {"state": "Failed"}, events=(event,), **rest)


def _summary(rows: Rows) -> str:
    return (
        f"{rows.train} rows to train on, {rows.validation} to validate, {rows.test} to test; "
        f"{rows.rejected} rejected, {rows.duplicates} duplicates"
    )


def _plan(dataset: Dataset, now: datetime, view: Progressing, update: dict[str, Any], **rest: Any) -> Plan:
    """Return the plan, with what every status has: generation, message and conditions made in this one place."""
    before = dataset.status
    update = update | {
        "observed_generation": dataset.generation,
        "conditions": list(kstatus(before.conditions, view, dataset.generation, now)),
        "message": view.message[:2048],
    }
    return Plan(status=before.model_copy(update=update).dump(), **rest)
