"""Which objects estimate what a run takes of each GPU, before it asks for one?

A small Job of its own, in no queue: its pod needs CPU and store only, and so goes where the run's own may not.
"""

from __future__ import annotations

from typing import Final

from slipway.api.causal_lm import CausalLM
from slipway.api.common import Resources
from slipway.api.pod import PodOptions
from slipway.api.trainingjob import Recipe, TrainingGpu
from slipway.contract.artifact import digest_of
from slipway.contract.job import EstimateMemory
from slipway.names import ATTEMPT_LABEL, ESTIMATE_LABEL, child_name
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.training.datasets import Inputs
from slipway.training.objects import Training, processes
from slipway.workload import JobShape, job, job_config, thread_limit

COMMAND: Final = ("python", "-m", "slipway_train_torch.causal_lm.memory")
RESOURCES: Final = Resources(cpu="500m", memory="3Gi", storage="2Gi")
"""Libraries, a model without numbers, a tokenizer, and the rows of one file at a time."""
RETRIES: Final = 1
DEADLINE_SECONDS: Final = 1800
"""Of one attempt; most of it is for an image of gigabytes to come to a node."""
TELLING: Final = (
    "method", "rank", "dropout_percent", "batch_size", "processes", "sharding", "micro_batch_size", "max_tokens",
    "batching", "precision", "freeze_layers", "new_tokens", "dpo", "stages",
)  # fmt: skip
"""Fields of a recipe that memory follows from. Trials that differ in others share an estimate."""
UNITS: Final = {"Gi": 2**30, "Mi": 2**20, "G": 10**9, "M": 10**6}


def asked(training: Training, data: Inputs, settings: Settings) -> EstimateMemory | None:
    """Return what is asked about the run with the prepared `data`; None for a run that takes no GPU."""
    spec, recipe = training.spec, training.spec.recipe.causal_lm
    gpu = spec.resources.gpu
    if gpu is None or recipe is None:
        return None
    dataset, stages = data
    return EstimateMemory(
        namespace=training.root.namespace,
        name=training.root.name,
        store=settings.store,
        base_model=spec.base_model,
        dataset=dataset,
        stage_data=tuple(stage.dataset for stage in stages),
        recipe=Recipe(causal_lm=CausalLM(**{name: getattr(recipe, name) for name in TELLING})),
        processes=processes(spec) * spec.resources.nodes,
        gpu_bytes=_bytes(gpu),
    )


def subject(told: EstimateMemory, settings: Settings) -> str:
    """Return the digest by which an estimate is known again: equal ones say the same."""
    return digest_of([told.subject(), settings.images.train_torch])


def estimation(training: Training, told: EstimateMemory, attempt: int, settings: Settings) -> tuple[Manifest, Manifest]:
    """Return the job file and the Job of one attempt, in the order of application.

    The name carries a digest of everything in them that cannot change.
    """
    options = _reachable(training.spec.pod)
    image = settings.images.train_torch
    parts = [told.fingerprint(), image, attempt, options.dump() if options is not None else None]
    name = child_name(training.root.name, f"estimate-{digest_of(parts).removeprefix('sha256:')[:8]}")
    shape = JobShape(
        image,
        COMMAND,
        RESOURCES.model_copy(update={"tolerations": training.spec.resources.tolerations}),
        retries=RETRIES,
        deadline_seconds=DEADLINE_SECONDS,
        environment=(thread_limit(RESOURCES),),
        pod=options,
    )
    made = job(training.root, name, name, shape, settings)
    made["metadata"]["labels"] |= {ESTIMATE_LABEL: "true", ATTEMPT_LABEL: str(attempt)}
    made["spec"]["template"]["metadata"]["labels"] |= {ESTIMATE_LABEL: "true"}
    return job_config(training.root, name, told), made


def _reachable(options: PodOptions | None) -> PodOptions | None:
    """Return `options` without what ties a pod to nodes with GPUs, or to a volume that the run is to have.

    A group of such nodes may be empty until a GPU is asked for, and to fill it is what the estimate comes before.
    """
    if options is None:
        return None
    movable = [one for one in options.volumes or () if one.source.persistent_volume_claim is None]
    tied = {"node_selector": None, "affinity": None, "runtime_class_name": None}
    return options.model_copy(update={**tied, "volumes": movable or None})


def _bytes(gpu: TrainingGpu) -> int | None:
    if gpu.memory is None:
        return None
    unit = next(unit for unit in UNITS if gpu.memory.endswith(unit))
    return int(gpu.memory.removesuffix(unit)) * UNITS[unit]
