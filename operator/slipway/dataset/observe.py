"""What, outside a Dataset, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from slipway.api.dataset import DatasetSpec, DatasetStatus
from slipway.api.dataset_refresh import LONGEST_COMMAND, REFRESH_ANNOTATION
from slipway.attempt import number, order
from slipway.dataset.objects import Dataset, job_name
from slipway.jobs import Run, runs
from slipway.names import LOOK_LABEL
from slipway.plan import Manifest, View
from slipway.rooms import children
from slipway.settings import Settings
from slipway.workload import Root


@dataclass(frozen=True)
class Observed:
    """Everything outside the Dataset that matters."""

    run: Run | None = None
    """The newest attempt at what the spec wants now; attempts at earlier specs are not seen."""
    owned: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of its children."""
    ended: datetime | None = None
    """When the newest of its Jobs ended."""
    former: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of what belongs to looks at the source that others have followed."""


def parse(root: Manifest) -> Dataset:
    """Return the Dataset that `root` describes; raise pydantic.ValidationError when its spec is not one of ours."""
    spec = DatasetSpec.model_validate(root.get("spec") or {})
    meta = root["metadata"]
    asked = str((meta.get("annotations") or {}).get(REFRESH_ANNOTATION, ""))[:LONGEST_COMMAND]
    return Dataset(Root.of(root), spec, status_of(root), meta.get("generation", 1), asked=asked)


def status_of(root: Manifest) -> DatasetStatus:
    """Return the status of `root`; a status that is not one of ours counts as none."""
    try:
        return DatasetStatus.model_validate(root.get("status") or {})
    except ValidationError:
        return DatasetStatus()


def observe(dataset: Dataset, view: View, owns: Iterable[str], settings: Settings) -> Observed:
    """Read what `dataset` depends on."""
    uid = dataset.root.uid
    all_runs = runs(view, uid)
    wanted = [run for run in all_runs if run.name == job_name(dataset, number(run), settings)]
    looks = [run for run in all_runs if LOOK_LABEL in run.labels]
    return Observed(
        run=max(wanted, key=order, default=None),
        owned=children(uid, view, owns),
        ended=max((run.ended for run in all_runs if run.ended is not None), default=None),
        former=frozenset(one for run in looks[:-1] for one in run.objects),
    )
