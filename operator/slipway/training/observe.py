"""What, outside a TrainingJob, does its next step depend on?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from slipway.api.search import Pruning
from slipway.api.trainingjob import TrainingJobSpec
from slipway.api.trainingjob_status import MemoryEstimate, TrainingJobStatus
from slipway.attempt import order
from slipway.jobs import Run
from slipway.jobsets import runs
from slipway.names import ESTIMATE_LABEL
from slipway.plan import Manifest, View
from slipway.rooms import children
from slipway.training import datasets
from slipway.training.objects import Training
from slipway.training.trial import Trial, trial_of
from slipway.workload import Root


@dataclass(frozen=True)
class Observed:
    """Everything outside the TrainingJob that matters."""

    data: Mapping[str, datasets.Data] = field(default_factory=dict)
    """The Datasets that the run reads, by name."""
    run: Run | None = None
    """The newest attempt."""
    estimation: Run | None = None
    """The newest Job that estimates what the run takes of each GPU."""
    estimates: tuple[MemoryEstimate, ...] = ()
    """What other trials of its search were estimated."""
    version: Manifest | None = None
    """The ModelVersion that has the name of the result; a trial has none."""
    lingering: tuple[str, ...] = ()
    """Names of pods of Jobs that are gone, or of a JobSet that failed, which have not ended."""
    owned: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of its children."""
    pruning: Pruning | None = None
    """Of the search, where the job is a trial of one that prunes."""


def parse(root: Manifest) -> Training:
    """Return the TrainingJob that `root` describes; raise pydantic.ValidationError when its spec is not one of ours."""
    spec = TrainingJobSpec.model_validate(root.get("spec") or {})
    return Training(Root.of(root), spec, status_of(root), root["metadata"].get("generation", 1), trial_of(root))


def status_of(root: Manifest) -> TrainingJobStatus:
    """Return the status of `root`; a status that is not one of ours counts as none."""
    try:
        return TrainingJobStatus.model_validate(root.get("status") or {})
    except ValidationError:
        return TrainingJobStatus()


def observe(training: Training, view: View, owns: Iterable[str]) -> Observed:
    """Read what `training` depends on."""
    root = training.root
    jobs = runs(view, root.uid)
    run = max((job for job in jobs if ESTIMATE_LABEL not in job.labels), key=order, default=None)
    estimation = max((job for job in jobs if ESTIMATE_LABEL in job.labels), key=order, default=None)
    owned = children(root.uid, view, owns)
    over = run is None or (run.phase == "Failed" and not run.tries_again)
    lingering = _open_pods(view, root.uid) if over else ()
    if training.trial is not None:
        search = view.get("TrainingJob", root.namespace, training.trial.search)
        data, pruning = _of_search(training, training.trial, search)
        begins = training.status.snapshot is None and training.spec.resources.gpu is not None
        known = _estimates(view, training.trial.uid) if begins else ()
        return Observed(data, run, estimation, known, lingering=lingering, owned=owned, pruning=pruning)
    return Observed(
        data=datasets.read(training.spec, root.namespace, view),
        run=run,
        estimation=estimation,
        lingering=lingering,
        version=view.get("ModelVersion", root.namespace, training.model_version),
        owned=owned,
    )


def _open_pods(view: View, uid: str) -> tuple[str, ...]:
    """Return the names of the pods of root `uid` that have not ended. Those that estimate do not count."""
    pods = [pod for pod in view.owned(uid, "Pod") if ESTIMATE_LABEL not in pod["metadata"]["labels"]]
    ended = ("Succeeded", "Failed")
    return tuple(pod["metadata"]["name"] for pod in pods if (pod.get("status") or {}).get("phase") not in ended)


def _estimates(view: View, search: str) -> tuple[MemoryEstimate, ...]:
    """Return what the trials of the search with uid `search` were estimated."""
    known = (status_of(trial).estimate for trial in view.owned(search, "TrainingJob"))
    return tuple(estimate for estimate in known if estimate is not None)


def _of_search(
    training: Training, trial: Trial, found: Manifest | None
) -> tuple[Mapping[str, datasets.Data], Pruning | None]:
    """Return the data that the search fixed for all its trials, and how it prunes them."""
    if found is None or found["metadata"]["uid"] != trial.uid:
        said = f"TrainingJob {trial.search}, whose trial this is, is gone"
        return datasets.unready(training.spec, said), None
    fixed = status_of(found).snapshot
    if fixed is None:
        said = f"TrainingJob {trial.search}, whose trial this is, has not fixed its data"
        return datasets.unready(training.spec, said), None
    try:
        search = TrainingJobSpec.model_validate(found.get("spec") or {}).search
    except ValidationError:
        search = None
    data = datasets.fixed(training.spec, fixed.dataset, fixed.stages or ())
    return data, search.pruning if search is not None else None
