"""How is a Dataset's plan written, and what is shown of data that is published?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.conditions import REFRESH_FAILED, Condition, Progressing, kstatus, timestamp
from slipway.api.dataset import DatasetStatus, Rows
from slipway.api.dataset_mix import MemberStatus
from slipway.api.dataset_refresh import SourceStatus
from slipway.contract.result import Prepared
from slipway.dataset.objects import Dataset
from slipway.dataset.observe import Observed
from slipway.jobs import Run
from slipway.plan import Plan
from slipway.rooms import stays

PREPARED: Final = "Prepared"
SHOWN: Final = ("recipe", "digest", "artifact", "rows", "report", "exports", "revision", "members", "source")
"""Fields of status that tell of published data."""
Objects = frozenset[tuple[str, str]]
"""(kind, name) of children."""


def plan(
    dataset: Dataset,
    now: datetime,
    view: Progressing,
    update: dict[str, Any],
    *,
    complaints: Sequence[Condition] = (),
    **rest: Any,
) -> Plan:
    """Return the plan, with what every status has: generation, message and conditions made in this one place."""
    before = dataset.status
    update = update | {
        "observed_generation": dataset.generation,
        "conditions": [*kstatus(before.conditions, view, dataset.generation, now), *complaints],
        "message": view.message[:2048],
    }
    return Plan(status=before.model_copy(update=update).dump(), **rest)


def ready(
    dataset: Dataset,
    seen: Observed,
    status: DatasetStatus,
    now: datetime,
    *,
    complaints: Sequence[Condition] | None = None,
    said: str = "",
    keep: Objects = frozenset(),
    look_again: timedelta | None = None,
    **rest: Any,
) -> Plan:
    """Return the plan of published data. The Job that made it stays for a while, so that its log can be read.

    `complaints` are about looks at the source; None leaves what was said of them. `said` is of a look on its way.
    """
    told = summary(status.rows or Rows())
    view = Progressing(ready="True", reason=PREPARED, message=f"{told}; {said}" if said else told)
    if complaints is None:
        complaints = [one for one in dataset.status.conditions if one.type == REFRESH_FAILED]
    kept, wait = _staying(dataset, seen, now)
    waits = [one for one in (wait, look_again) if one is not None]
    update = {name: getattr(status, name) for name in SHOWN}
    return plan(
        dataset,
        now,
        view,
        update | {"state": "Ready"},
        complaints=complaints,
        keep=kept | keep,
        requeue_after=min(waits, default=None),
        **rest,
    )


def published(dataset: Dataset, result: Prepared, now: datetime) -> DatasetStatus:
    """Return the status that tells of `result`."""
    known = dataset.status.source or SourceStatus()
    return dataset.status.model_copy(
        update={
            "recipe": dataset.recipe,
            "digest": result.artifact.digest,
            "artifact": result.artifact,
            "rows": result.rows,
            "report": result.report or None,
            "exports": list(result.exports) if result.exports else None,
            "revision": result.revision or None,
            "members": [MemberStatus(name=m.name, digest=m.artifact.digest) for m in dataset.members] or None,
            "source": SourceStatus(inputs=result.inputs, last_checked_at=timestamp(now), command=known.command),
        }
    )


def summary(rows: Rows) -> str:
    """Return what became of the rows, in one line."""
    return (
        f"{rows.train} rows to train on, {rows.validation} to validate, {rows.test} to test; "
        f"{rows.rejected} rejected, {rows.duplicates} duplicates"
    )


def objects_of(run: Run) -> Objects:
    """Return what an attempt consists of."""
    return run.objects | {("NetworkPolicy", run.name)}


def _staying(dataset: Dataset, seen: Observed, now: datetime) -> tuple[Objects, timedelta | None]:
    """Return what is kept of the children of published data, and until when.

    Of looks at the source only the newest stays, and no policy: nothing needs a way through the network any more.
    """
    left = stays(seen.ended, dataset.spec.ttl_seconds_after_finished, now)
    if left is not None and left <= timedelta():
        return frozenset(), None
    return frozenset(one for one in seen.owned - seen.former if one[0] != "NetworkPolicy"), left
