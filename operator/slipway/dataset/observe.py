"""What, outside a Dataset, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.dataset import DatasetSpec, DatasetStatus
from slipway.dataset.objects import ATTEMPT_LABEL, Dataset, job_name
from slipway.jobs import Run, runs
from slipway.plan import Manifest, View
from slipway.settings import Settings
from slipway.workload import Root


@dataclass(frozen=True)
class Observed:
    """Everything outside the Dataset that matters."""

    run: Run | None = None
    """The newest attempt at what the spec wants now; attempts at earlier specs are not seen."""
    owned: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of its children."""


def parse(root: Manifest) -> Dataset:
    """Return the Dataset that `root` describes; raise pydantic.ValidationError when its spec is not one of ours."""
    spec = DatasetSpec.model_validate(root.get("spec") or {})
    return Dataset(Root.of(root), spec, status_of(root), root["metadata"].get("generation", 1))


def status_of(root: Manifest) -> DatasetStatus:
    """Return the status of `root`; a status that is not one of ours counts as none."""
    try:
        return DatasetStatus.model_validate(root.get("status") or {})
    except ValidationError:
        return DatasetStatus()


def children(uid: str, view: View, owns: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return (kind, name) of what the root `uid` owns."""
    return frozenset((kind, child["metadata"]["name"]) for kind in owns for child in view.owned(uid, kind))


def observe(dataset: Dataset, view: View, owns: Iterable[str], settings: Settings) -> Observed:
    """Read what `dataset` depends on."""
    uid = dataset.root.uid
    wanted = [run for run in runs(view, uid) if run.name == job_name(dataset, attempt_of(run), settings)]
    return Observed(run=max(wanted, key=attempt_of, default=None), owned=children(uid, view, owns))


def attempt_of(run: Run) -> int:
    """Return the number of the attempt that `run` is."""
    written = run.labels.get(ATTEMPT_LABEL, "")
    return int(written) if written.isdecimal() else 1
