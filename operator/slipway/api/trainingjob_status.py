"""What does a TrainingJob tell: how far it is, what it takes, and what became of it?"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.api.base import Count, Decimal, Digest, Label, Message, Name, StatusModel, StoreUri, Timestamp, bounded
from slipway.api.common import ArtifactRef, ArtifactStatus
from slipway.api.conditions import CONDITIONS, Condition
from slipway.api.search import SearchStatus, TrialStatus
from slipway.api.stages import BY_NAME, StageData

TrainingState = Literal["Pending", "Suspended", "Queued", "Running", "Publishing", "Succeeded", "Failed", "Stopped"]

ENDED: Final[tuple[TrainingState, ...]] = ("Succeeded", "Failed", "Stopped")
"""A run that ended never starts again."""


class RunMemory(StatusModel):
    """What the run takes on each device beside what its pod holds anyway: estimated before weights are read, and
    measured.
    """

    weights_bytes: Count = Field(description="weightsBytes of the model, and of the adapter where there is one.")
    gradients_bytes: Count = Field(description="gradientsBytes of what is trained.")
    optimiser_bytes: Count = Field(description="optimiserBytes: AdamW's two moments of what is trained.")
    activations_bytes: Count = Field(
        description="activationsBytes that the largest piece of a batch takes from forward to backward."
    )
    loss_bytes: Count = Field(description="lossBytes: logits, which are never held all at once, and what follows.")
    safety_bytes: Count = Field(description="safetyBytes that are to stay free beside all these.")
    total_bytes: Count = Field(description="totalBytes is the sum of these estimates.")
    available_bytes: Count | None = Field(
        default=None,
        description="availableBytes is what the device had free for the run: memory of the GPU, or what was left of "
        "the pod's limit for each process. Absent where nothing limits it.",
    )
    peak_bytes: Count | None = Field(
        default=None, description="peakBytes is the most that the run was measured to take so far."
    )


class TrainingProgress(StatusModel):
    """How far the run is, as last pushed by its pod."""

    step: Count = Field(description="step is the number of optimiser steps done.")
    steps: Count = Field(description="steps is the number of steps planned.")
    percent: Count = Field(
        default=0, description="percent is the share of the planned steps done; of a run with stages, of its stage."
    )
    epoch: Decimal | None = Field(
        default=None, description='epoch is the number of passes over the train split done, for example "1.5".'
    )
    eta_seconds: Count | None = Field(
        default=None,
        description="etaSeconds is the time left at the present speed for the steps planned; of a run with stages, for "
        "those of its stage. Measuring, saving and publishing come on top. Absent while nothing runs.",
    )
    tokens_per_second: Count | None = Field(
        default=None, description="tokensPerSecond is the number of tokens trained each second, padding not counted."
    )
    trained_tokens_per_second: Count | None = Field(
        default=None, description="trainedTokensPerSecond is the number of loss-bearing tokens each second."
    )
    mfu_percent: Count | None = Field(
        default=None,
        description="mfuPercent is the share of the device's peak that useful work takes (model FLOPs utilisation); "
        "absent where the peak is not known.",
    )
    loss: Decimal | None = Field(default=None, description="loss of the last step, in nats per trained token.")
    learning_rate: Decimal | None = Field(default=None, description="learningRate of the last step.")
    gradient_norm: Decimal | None = Field(
        default=None, description="gradientNorm is the norm of the last step's gradient, before clipping."
    )
    memory_bytes: Count | None = Field(
        default=None,
        description="memoryBytes is the most that the GPU held in the last step; on a CPU, what the process holds.",
    )
    memory: RunMemory | None = Field(
        default=None,
        description="memory that the run was estimated to take, by purpose, and the most that it took. How batches are "
        "cut follows from the estimate.",
    )
    stop_seconds: Count | None = Field(
        default=None,
        description="stopSeconds is the most that a step and a save took together, rounded up: so long its pod needs "
        "from SIGTERM to its end.",
    )
    validation_loss: Decimal | None = Field(
        default=None, description="validationLoss as last measured, in nats per trained token."
    )
    validation_step: Count | None = Field(
        default=None, description="validationStep is the step after which validationLoss was measured."
    )
    micro_batch_size: Count | None = Field(
        default=None, description="microBatchSize is the number of sequences per forward pass now."
    )
    recompute: bool | None = Field(
        default=None, description="recompute says whether activations are computed again instead of kept now."
    )
    best_step: Count | None = Field(
        default=None, description="bestStep is the step after which validation loss was lowest so far."
    )
    best_validation_loss: Decimal | None = Field(
        default=None, description="bestValidationLoss is the lowest validation loss so far, in nats per trained token."
    )
    reward_margin: Decimal | None = Field(
        default=None,
        description="rewardMargin is, with dpo, how much the chosen answers of the validation split gained over the "
        "rejected ones since the start, in nats times beta, as last measured.",
    )
    reward_accuracy_percent: Count | None = Field(
        default=None,
        description="rewardAccuracyPercent is, with dpo, the share of the validation split's pairs whose chosen answer "
        "gained more than the rejected one, as last measured.",
    )
    stage: Label | None = Field(
        default=None,
        description="stage that the run is in; step, steps, percent, epoch and etaSeconds are those of the stage.",
    )
    stage_number: Count | None = Field(default=None, description="stageNumber of the stage, from 1.")
    stages: Count | None = Field(default=None, description="stages is the number of stages of the run.")
    phase: Annotated[str, bounded(64)] | None = Field(
        default=None, description="phase is what the pod does now, for example Training."
    )
    report: StoreUri | None = Field(
        default=None, description="report is the address of the run's page, once it is written."
    )
    updated_at: Timestamp | None = Field(default=None, description="updatedAt is when the pod pushed these figures.")


class Restarts(StatusModel):
    """How often the run was started again."""

    preempted: Count = Field(
        default=0,
        description="preempted counts disruptions survived: evictions, lost nodes, a queue that took the run back.",
    )
    failed: Count = Field(default=0, description="failed counts attempts that ended in an error.")


class EarlierRestarts(Restarts):
    """The restarts before an attempt or a pause, which its own pods do not tell."""

    attempt: Count = Field(description="attempt is the number of the first attempt that they do not count.")
    since: Timestamp | None = Field(
        default=None, description="since is when the first pod was made whose end they do not count; absent means any."
    )


PodUids = Annotated[
    list[Annotated[str, bounded(64)]], Field(max_length=256, json_schema_extra={"x-kubernetes-list-type": "set"})
]


class AttemptPods(StatusModel):
    """Pods of the present attempt, as far as restarts need to know them again. One that is gone is left out once it is
    counted.
    """

    attempt: Count = Field(description="attempt is the number of the attempt whose pods they are.")
    counted: PodUids = Field(default=[], description="counted are the uids of pods whose end restarts include.")
    running: PodUids = Field(
        default=[],
        description="running are the uids of pods that ran when last seen: if one of them is gone without a word, it "
        "was disrupted.",
    )


class Snapshot(StatusModel):
    """Everything that determines the result, fixed when the run first starts."""

    dataset: ArtifactRef = Field(description="dataset is the prepared data trained on, by digest.")
    stages: list[StageData] | None = Field(
        default=None,
        max_length=8,
        json_schema_extra=BY_NAME,
        description="stages are the prepared data that each stage trains on, by digest.",
    )
    image: Annotated[str, bounded(512)] = Field(description="image that trains, by digest.")
    recipe_digest: Digest = Field(description="recipeDigest is the digest of the full job description.")
    code_version: Annotated[str, bounded(64)] = Field(
        description="codeVersion is the version of Slipway that trained it."
    )


class BatchLayout(StatusModel):
    """How batches are cut so that they fit into memory. What is learned from a batch is the same."""

    micro_batch_size: Count = Field(description="microBatchSize is the number of sequences per forward pass.")
    recompute: bool = Field(
        default=False, description="recompute says whether activations are computed again instead of kept."
    )


class MemoryEstimate(StatusModel):
    """What a run with GPUs is estimated to take of each, before it asks for any; of a run with stages, in the stage
    that takes the most.
    """

    digest: Digest | None = Field(
        default=None,
        description="digest of all that the estimate follows from: base model, data, recipe, devices, image.",
    )
    memory: RunMemory | None = Field(
        default=None,
        description="memory of each GPU by purpose, with layout; availableBytes is resources.gpu.memory. Absent where "
        "there is no estimate: message says why.",
    )
    layout: BatchLayout | None = Field(
        default=None,
        description="layout that the run would take: what is asked for, or the first smaller one that fits. Its pod "
        "decides anew by what its GPU has free.",
    )
    least_bytes: Count | None = Field(
        default=None,
        description="leastBytes is what the smallest layout takes with nothing to spare: one row at a time, with "
        "activations computed again.",
    )
    longest_row_tokens: Count | None = Field(
        default=None, description="longestRowTokens is the length of the longest row, cut to maxTokens."
    )
    row_lengths: Literal["Stored", "Counted", "Assumed"] | None = Field(
        default=None,
        description="rowLengths says how they are known: Stored (tokens lie beside the rows), Counted (rows were made "
        "tokens), or Assumed (too much data to look at: every row is taken for one of maxTokens).",
    )
    stage: Label | None = Field(default=None, description="stage that takes the most, of a run with stages.")
    fits: bool | None = Field(
        default=None, description="fits says whether it fits into resources.gpu.memory; absent where that is."
    )
    message: Message | None = Field(
        default=None, description="message says why there is no estimate, why it does not fit, or what is odd about it."
    )


class TrainingJobStatus(StatusModel):
    """status is what was observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description=CONDITIONS.replace("Ready;", "Ready and Succeeded;"),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: Count = Field(default=0, description="observedGeneration is the generation acted upon.")
    state: TrainingState = Field(default="Pending", description="state is a word for people, derived from conditions.")
    progress: TrainingProgress | None = Field(
        default=None, description="progress of the run, as last pushed by its pod."
    )
    layout: BatchLayout | None = Field(
        default=None,
        description="layout is how the pod cuts batches; it is smaller than asked for where memory does not suffice, "
        "by the estimate or in a step.",
    )
    estimate: MemoryEstimate | None = Field(
        default=None,
        description="estimate of the memory that the run takes of each GPU, made before it asks for one. Absent for "
        "runs without GPUs, which estimate in their pod (progress.memory).",
    )
    stop_seconds: Count | None = Field(
        default=None,
        description="stopSeconds is the most that a step and a save took together in any of its pods; new ones are "
        "granted twice as long between SIGTERM and SIGKILL (terminationGracePeriodSeconds), 120 at least and 3600 at "
        "most.",
    )
    restarts: Restarts | None = Field(default=None, description="restarts counts how often the run was started again.")
    earlier_restarts: EarlierRestarts | None = Field(
        default=None, description="earlierRestarts are those before the present attempt; restarts includes them."
    )
    forgiven_failures: Count | None = Field(
        default=None,
        description="forgivenFailures are how many of restarts.failed came, on several nodes, before the object store "
        "stayed away or a result was lost: retries does not count them any more.",
    )
    attempt_pods: AttemptPods | None = Field(
        default=None,
        description="attemptPods are the pods of the present attempt that are counted, or are to be when they end.",
    )
    snapshot: Snapshot | None = Field(
        default=None, description="snapshot of everything that determines the result, fixed when the run first starts."
    )
    started_at: Timestamp | None = Field(default=None, description="startedAt is when the first pod started.")
    running_seconds: Count = Field(
        default=0, description="runningSeconds of finished attempts, all together; deadlineSeconds bounds them."
    )
    running_since: Timestamp | None = Field(
        default=None, description="runningSince is when the present attempt's pod was seen to run."
    )
    stopped_at: Timestamp | None = Field(
        default=None,
        description="stoppedAt is since when none of its pods runs any more; startDeadlineSeconds counts from it. "
        "Absent while it runs, and before it has.",
    )
    admitted_at: Timestamp | None = Field(
        default=None,
        description="admittedAt is when the Job was last allowed to start pods; it moves when a queue took the run "
        "back and gave it its turn again.",
    )
    finished_at: Timestamp | None = Field(default=None, description="finishedAt is when the run ended.")
    artifact: ArtifactStatus | None = Field(default=None, description="artifact is the model that the run published.")
    validation_loss: Decimal | None = Field(
        default=None, description="validationLoss of the result, in nats per trained token."
    )
    steps: Count | None = Field(default=None, description="steps is the number of optimiser steps of the finished run.")
    published_step: Count | None = Field(
        default=None, description="publishedStep is the step whose weights are the result."
    )
    checkpoint: StoreUri | None = Field(default=None, description="checkpoint is the folder of the run's checkpoints.")
    report: StoreUri | None = Field(
        default=None,
        description="report is the address of the page that tells how the run goes, or went, whatever became of it: "
        "curves, best step, restarts, parameters, lineage. report.json beside it is the same for programs, "
        "history.jsonl has every step.",
    )
    model_version: Name | None = Field(
        default=None, description="modelVersion is the name of the ModelVersion made from the result."
    )
    search: SearchStatus | None = Field(
        default=None, description="search tells how far the search is, where this job is one."
    )
    trial: TrialStatus | None = Field(
        default=None, description="trial is what the search that owns this job needs of it, where there is one."
    )
    message: Message = Field(default="", description="message is the present situation in one sentence.")
