"""What, outside a TrainingJob, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.api.dataset import DatasetStatus
from slipway.api.trainingjob import TrainingJobSpec, TrainingJobStatus
from slipway.attempt import order
from slipway.jobs import Run, runs
from slipway.plan import Manifest, View
from slipway.rooms import children
from slipway.training.objects import Training
from slipway.workload import Root


@dataclass(frozen=True)
class Data:
    """The Dataset as far as the run is concerned."""

    exists: bool = False
    failed: bool = False
    artifact: ArtifactRef | None = None
    """What is prepared, once the Dataset is Ready."""
    said: str = ""


@dataclass(frozen=True)
class Observed:
    """Everything outside the TrainingJob that matters."""

    data: Data = Data()
    run: Run | None = None
    """The newest attempt."""
    version: Manifest | None = None
    """The ModelVersion that has the name of the result."""
    lingering: tuple[str, ...] = ()
    """Names of pods of Jobs that are gone, which have not ended."""
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
    run = max(runs(view, root.uid), key=order, default=None)
    return Observed(
        data=_data(view.get("Dataset", root.namespace, training.spec.dataset.name)),
        run=run,
        lingering=_open_pods(view, root.uid) if run is None else (),
        version=view.get("ModelVersion", root.namespace, training.model_version),
        owned=children(root.uid, view, owns),
    )


def _open_pods(view: View, uid: str) -> tuple[str, ...]:
    """Return the names of the pods of root `uid` that have not ended."""
    pods = view.owned(uid, "Pod")
    ended = ("Succeeded", "Failed")
    return tuple(pod["metadata"]["name"] for pod in pods if (pod.get("status") or {}).get("phase") not in ended)


def _data(found: Manifest | None) -> Data:
    if found is None:
        return Data()
    try:
        status = DatasetStatus.model_validate(found.get("status") or {})
    except ValidationError:
        status = DatasetStatus()
    settled = status.observed_generation == found["metadata"].get("generation", 1)
    ready = status.state == "Ready" and settled and status.artifact is not None
    artifact = status.artifact
    return Data(
        exists=True,
        failed=status.state == "Failed" and settled,
        artifact=ArtifactRef(uri=artifact.uri, digest=artifact.digest) if ready and artifact is not None else None,
        said=status.message,
    )
