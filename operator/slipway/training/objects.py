"""Which objects run a TrainingJob?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from slipway import __version__
from slipway.api.common import ArtifactRef
from slipway.api.stages import StageData
from slipway.api.trainingjob import TrainingJobSpec
from slipway.api.trainingjob_status import Snapshot, TrainingJobStatus
from slipway.contract.artifact import digest_of
from slipway.contract.job import Train
from slipway.egress import way_out
from slipway.names import ATTEMPT_LABEL, MODEL_LABEL, child_name
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.signing import signing, signing_mounts
from slipway.training import nodes as several
from slipway.training.grace import LEAST, labels
from slipway.training.tracking import environment, ports
from slipway.training.trial import Trial
from slipway.workload import JobShape, Root, job, job_config, thread_limit

COMMAND: Final = ("python", "-m", "slipway_train_torch.causal_lm")


@dataclass(frozen=True)
class Training:
    """A TrainingJob, parsed."""

    root: Root
    spec: TrainingJobSpec
    status: TrainingJobStatus
    generation: int = 1
    trial: Trial | None = None
    """What it is to the search that owns it, where there is one."""

    @property
    def version(self) -> str:
        """The version that the result will have."""
        return self.spec.version or f"0.1.0-{self.root.name}"

    @property
    def model_version(self) -> str:
        """The name of the ModelVersion that the result becomes."""
        return child_name(self.spec.model, self.version)


def checkpoints(training: Training, settings: Settings) -> str:
    """Return the folder of the run's checkpoints: its own, even where a namesake ran before."""
    root, store = training.root, settings.store
    return f"s3://{store.bucket}/{store.prefix}/checkpoints/{root.namespace}/{root.name}-{root.uid[:8]}/"


def told(
    training: Training, dataset: ArtifactRef, stages: Iterable[StageData], settings: Settings, grace: int = LEAST
) -> Train:
    """Return what the pod is told to do with the prepared data of spec and of each stage.

    `grace` are the seconds that it is granted to save itself.
    """
    spec = training.spec
    return Train(
        namespace=training.root.namespace,
        name=training.root.name,
        store=settings.store,
        progress_url=settings.progress_url,
        model=spec.model,
        dataset=dataset,
        stage_data=tuple(stage.dataset for stage in stages),
        base_model=spec.base_model,
        recipe=spec.recipe,
        checkpoint=spec.checkpoint,
        checkpoint_uri=checkpoints(training, settings),
        export=tuple(spec.export),
        seed=spec.seed,
        grace_seconds=grace,
        signing=signing(settings),
        tensor_board=spec.tracking is not None and spec.tracking.tensor_board,
        processes=processes(spec),
        nodes=spec.resources.nodes,
    )


def processes(spec: TrainingJobSpec) -> int:
    """Return how many processes of a pod share the run: as many as are asked for, else one for each GPU."""
    recipe = spec.recipe.causal_lm
    if recipe is not None and recipe.processes is not None:
        return recipe.processes
    return spec.resources.gpu.count if spec.resources.gpu is not None else 1


def snapshot(training: Training, dataset: ArtifactRef, stages: tuple[StageData, ...], settings: Settings) -> Snapshot:
    """Return what is fixed when the run first starts."""
    where = {"namespace", "name", "store", "progress_url", "checkpoint", "checkpoint_uri", "grace_seconds", "signing"}
    where |= {"tensor_board"}  # who is told changes no result
    document = told(training, dataset, stages, settings)
    recipe = document.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=where)
    image = settings.images.train_torch
    return Snapshot(
        dataset=dataset,
        stages=list(stages) or None,
        image=image,
        recipe_digest=digest_of([recipe, image]),
        code_version=__version__,
    )


def run_objects(
    training: Training, fixed: Snapshot, attempt: int, settings: Settings, *, suspend: bool, grace: int = LEAST
) -> tuple[Manifest, ...]:
    """Return the job file, ways out where they are needed, and the Job of one attempt, in the order of application.

    On several nodes it is a JobSet.

    The name carries a digest of everything in them that cannot change. The deadline is the operator's to keep, because
    a Job forgets its running time when it is suspended; the Job's own bounds an attempt while no operator runs.
    """
    spec, nodes = training.spec, training.spec.resources.nodes
    document = told(training, fixed.dataset, fixed.stages or (), settings, grace)
    document = document.model_copy(update={"image": fixed.image})
    parts: list[object] = [document.fingerprint(), document.progress_url, fixed.image, attempt]
    if nodes > 1:
        document = document.model_copy(update={"countersign": several.countersign(training.root, attempt)})
        parts.append(document.countersign)
    if document.signing is not None:
        parts.append(document.signing.secret)
    digest = digest_of(parts).removeprefix("sha256:")[:8]
    alone = child_name(training.root.name, f"train-{digest}")
    name = alone if nodes == 1 else several.attempt_name(training.root, digest)
    shape = JobShape(
        fixed.image,
        COMMAND,
        spec.resources,
        retries=spec.retries,
        deadline_seconds=spec.deadline_seconds,
        grace_seconds=grace,
        progress=bool(settings.progress_url),
        suspend=suspend,
        environment=(thread_limit(spec.resources), *environment(spec), *several.environment(name, nodes)),
        mounts=signing_mounts(settings),
        pod=spec.pod,
        queue=spec.queue,
    )
    made = job(training.root, name, name, shape, settings)
    made["metadata"]["labels"] |= {ATTEMPT_LABEL: str(attempt), MODEL_LABEL: spec.model} | labels(grace)
    closed = training.root.namespace in settings.closed_namespaces
    pods = several.selector(name) if nodes > 1 else None
    policies = way_out(training.root, name, ports(spec), pods) if closed else []
    if nodes == 1:
        return job_config(training.root, name, document), *policies, made
    policies.append(several.among_themselves(training.root, name, closed=closed))
    return job_config(training.root, name, document), *policies, several.jobset(made, nodes)
