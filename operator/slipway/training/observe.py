"""What, outside a TrainingJob, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from slipway.api.trainingjob import TrainingJobSpec, TrainingJobStatus
from slipway.attempt import order
from slipway.jobs import Run, runs
from slipway.plan import Manifest, View
from slipway.rooms import children
from slipway.training import datasets
from slipway.training.objects import Training
from slipway.workload import Root


@dataclass(frozen=True)
class Observed:
    """Everything outside the TrainingJob that matters."""

    data: Mapping[str, datasets.Data] = field(default_factory=dict)
    """The Datasets that the run reads, by name."""
    run: Run | None = None
    """The newest attempt."""
    version: Manifest | None = None
    """The ModelVersion that has the name of the result."""
    owned: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of its children."""


def parse(root: Manifest) -> Training:
    """Return the TrainingJob that `root` describes; raise pydantic.ValidationError when its spec is not one of ours."""
    spec = TrainingJobSpec.model_validate(root.get("spec") or {})
    return Training(Root.of(root), spec, status_of(root), root["metadata"].get("generation", 1))


def status_of(root: Manifest) -> TrainingJobStatus:
    """Return the status of `root`; a status that is not one of ours counts as none."""
    try:
        return TrainingJobStatus.model_validate(root.get("status") or {})
    except ValidationError:
        return TrainingJobStatus()


def observe(training: Training, view: View, owns: Iterable[str]) -> Observed:
    """Read what `training` depends on."""
    root = training.root
    data = {name: datasets.of(view.get("Dataset", root.namespace, name)) for name in datasets.names(training.spec)}
    return Observed(
        data=data,
        run=max(runs(view, root.uid), key=order, default=None),
        version=view.get("ModelVersion", root.namespace, training.model_version),
        owned=children(root.uid, view, owns),
    )
