"""What is a TrainingJob: one immutable, snapshotted recipe run to one artefact?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Label, Model, Name, OneOf, Rule, Seconds, SemVer, bounded
from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef, Evaluation, Gpu, Resources
from slipway.api.pod import PodOptions
from slipway.api.queueing import Queue
from slipway.api.search import Search
from slipway.api.tracking import Tracking

Export = Literal["SafeTensors", "GGUF"]


class DatasetName(Model):
    """A Dataset of the same namespace."""

    name: Name = Field(description="name of the Dataset; the run starts when it is Ready and records its digest.")


class Recipe(OneOf):
    """What is trained and how; exactly one member must be set."""

    causal_lm: CausalLM | None = Field(default=None, alias="causalLM", description="causalLM tunes a language model.")


class Checkpoint(Model):
    """When the run saves everything it needs to go on as if it had never stopped."""

    every_steps: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=200,
        description="everySteps is the number of optimiser steps between saves. A run is saved on SIGTERM too.",
    )
    keep: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="keep is the number of newest checkpoints kept; older ones are deleted."
    )
    grace_seconds: Annotated[int, Field(ge=120, le=3600)] | None = Field(
        default=None,
        description="graceSeconds is the least that a pod of the run is granted between SIGTERM and SIGKILL, for one "
        "step and one save; absent means 120. Once that was measured (status.stopSeconds), new pods are granted twice "
        "as long, up to 3600.",
    )


class TrainingGpu(Gpu):
    """The GPUs of each training pod."""

    memory: (
        Annotated[
            str,
            bounded(
                12,
                pattern=r"^[1-9][0-9]{0,6}(M|Mi|G|Gi)$",
                says='write the memory of one GPU in Mi or Gi, for example "80Gi" or "81559Mi"',
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="memory of each GPU, for example 80Gi; nodes tell it in Mi by the label nvidia.com/gpu.memory. A "
        "run that cannot fit into it fails before a GPU is asked for. Absent means that what the run takes is only "
        "told (status.estimate).",
    )


class TrainingResources(Resources):
    """What each pod of a run asks for, and how many there are. Requests and limits are equal for memory; CPU is not
    limited.
    """

    gpu: TrainingGpu | None = Field(default=None, description="gpu asks for GPUs; absent means CPU only.")
    nodes: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="nodes that share the run: with more than 1, as many pods are started together, each with what "
        "these resources say, as a JobSet (sigs.k8s.io/jobset), which the cluster must have. Their processes share "
        "every batch: the result is that of one pod, but for rounding.",
    )


class TrainingJobSpec(Model):
    """spec describes one run. It cannot change after creation, but for suspend and ttlSecondsAfterFinished."""

    mutable = frozenset({"suspend", "ttlSecondsAfterFinished"})
    rules = (
        Rule(
            "!has(self.search) || !has(self.search.pruning) || !has(self.recipe.causalLM) || "
            "has(self.recipe.causalLM.evaluateEverySteps)",
            "search.pruning needs measurements on the way: set recipe.causalLM.evaluateEverySteps",
        ),
        Rule(
            # The apiserver fills in the resources and the count before it asks.
            "!has(self.recipe.causalLM) || !has(self.recipe.causalLM.processes) || !has(self.resources.gpu) || "
            "self.recipe.causalLM.processes == self.resources.gpu.count",
            "each process has one GPU: set recipe.causalLM.processes to resources.gpu.count, or remove it",
        ),
        Rule(
            "!has(self.recipe.causalLM) || !has(self.recipe.causalLM.sharding) || self.resources.nodes > 1 || "
            "(has(self.recipe.causalLM.processes) "
            "? self.recipe.causalLM.processes > 1 : has(self.resources.gpu) && self.resources.gpu.count > 1)",
            "sharding divides the model among processes, and this run has one: set recipe.causalLM.processes or "
            "resources.gpu.count to 2 or more, or remove sharding",
        ),
        Rule(
            "self.resources.nodes == 1 || !has(self.recipe.causalLM) || self.resources.nodes * "
            "(has(self.recipe.causalLM.processes) ? self.recipe.causalLM.processes : "
            "has(self.resources.gpu) ? self.resources.gpu.count : 1) <= self.recipe.causalLM.batchSize",
            "each process of every node needs a row of every batch: lower resources.nodes, or raise "
            "recipe.causalLM.batchSize",
        ),
    )

    model: Label = Field(
        description="model is the line of versions that the result is added to, for example blueprint-assistant."
    )
    version: SemVer | None = Field(
        default=None,
        description="version of the result, for example 1.2.0; absent means 0.1.0- and the name of this TrainingJob.",
    )
    dataset: DatasetName = Field(
        description="dataset to train on, of this namespace. With stages, those that name no other train on it; the "
        "result is evaluated on its test split."
    )
    base_model: ArtifactRef = Field(
        description="baseModel to start from: a folder with safetensors and config.json, or one GGUF file."
    )
    recipe: Recipe = Field(description="recipe says what is trained and how; exactly one member must be set.")
    resources: TrainingResources = Field(
        default=TrainingResources(cpu="2", memory="8Gi"),
        description="resources of each training pod, and how many nodes have one.",
    )
    pod: PodOptions | None = Field(
        default=None,
        description="pod gives the training pod, and the one that evaluates the result, its priority, its place and "
        "its surroundings.",
    )
    queue: Queue | None = Field(
        default=None,
        description="queue of Kueue in which the run, and the evaluation of its result, wait for their turn; absent "
        "means that they do not.",
    )
    checkpoint: Checkpoint = Field(default=Checkpoint(), description="checkpoint says when the run saves itself.")
    evaluation: Evaluation | None = Field(
        default=None,
        description="evaluation is copied to the ModelVersion: what is measured on the result, and what it must reach.",
    )
    export: list[Export] = Field(
        default=["SafeTensors"],
        min_length=1,
        max_length=2,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="export lists the formats of the artefact. SafeTensors is always written; GGUF is what llama.cpp "
        "serves.",
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=0, description="seed of everything random: the order of rows, dropout, initial adapter weights."
    )
    tracking: Tracking | None = Field(
        default=None,
        description="tracking names other tools that are told how the run goes; absent means none. It changes no "
        "result.",
    )
    search: Search | None = Field(
        default=None,
        description="search makes this job a search: it trains nothing itself, it makes a TrainingJob for each trial, "
        "and one ModelVersion of the best. Absent means one run.",
    )
    suspend: bool = Field(default=False, description="suspend stops the run after a checkpoint; false resumes it.")
    retries: Annotated[int, Field(ge=0, le=20)] = Field(
        default=2, description="retries after unexpected failures. Disruptions (eviction, preemption) do not count."
    )
    deadline_seconds: Annotated[Seconds, Field(ge=60)] = Field(
        default=86_400,
        description="deadlineSeconds bounds the time of running, all attempts together; time suspended or queued does "
        "not count.",
    )
    queue_deadline_seconds: Annotated[Seconds, Field(ge=1)] | None = Field(
        default=None,
        description="queueDeadlineSeconds is how long the run may wait in its queue, each time; then it fails with "
        "reason QueueDeadlineExceeded. Absent means as long as it takes.",
    )
    start_deadline_seconds: Annotated[Seconds, Field(ge=1)] | None = Field(
        default=None,
        description="startDeadlineSeconds is how long its pod may take to run once it may start (image, node, "
        "volumes), each time; then it fails with reason StartDeadlineExceeded. Absent means as long as it takes.",
    )
    ttl_seconds_after_finished: Seconds | None = Field(
        default=None,
        description="ttlSecondsAfterFinished deletes the Job and its pods that long after the end; absent keeps them. "
        "The "
        "TrainingJob, its ModelVersion and the artefact stay.",
    )
    deletion_policy: Literal["Retain", "Delete"] = Field(
        default="Retain",
        description="deletionPolicy says what becomes of the ModelVersion when this TrainingJob is deleted: with "
        "Retain it stays, with Delete it goes too. The artefact stays until garbage collection finds that nothing "
        "refers to it.",
    )
