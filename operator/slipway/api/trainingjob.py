"""What is a TrainingJob: one immutable, snapshotted recipe run to one artefact?"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.api.base import (
    Count,
    Decimal,
    Digest,
    Label,
    Message,
    Model,
    Name,
    NonNegative,
    OneOf,
    Rule,
    Seconds,
    SemVer,
    StatusModel,
    StoreUri,
    Timestamp,
    bounded,
)
from slipway.api.common import ArtifactRef, ArtifactStatus, Evaluation, Resources
from slipway.api.conditions import CONDITIONS, Condition
from slipway.api.pod import PodOptions
from slipway.api.queueing import Queue
from slipway.api.search import Search, SearchStatus, TrialStatus
from slipway.api.stages import BY_NAME, DPO, Stage, StageData
from slipway.api.tracking import Tracking
from slipway.api.vocabulary import NewTokens

Export = Literal["SafeTensors", "GGUF"]
TrainingState = Literal["Pending", "Suspended", "Queued", "Running", "Publishing", "Succeeded", "Failed", "Stopped"]
ENDED: Final[tuple[TrainingState, ...]] = ("Succeeded", "Failed", "Stopped")
"""A run that ended never starts again."""


class DatasetName(Model):
    """A Dataset of the same namespace."""

    name: Name = Field(description="name of the Dataset; the run starts when it is Ready and records its digest.")


class EarlyStopping(Model):
    """When validation loss says that more steps do not help."""

    patience_evaluations: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3,
        description="patienceEvaluations is the number of evaluations in a row without improvement that ends the run.",
    )
    min_improvement: NonNegative = Field(
        default="0",
        description="minImprovement is what the loss must fall by, in nats per trained token, to count as an "
        'improvement, as a string, for example "0.005".',
    )


class CausalLM(Model):
    """Supervised fine-tuning of a causal language model."""

    rules = (
        # By its digits, not by double(): a text that is no number then has one complaint, not two.
        Rule("!self.learningRate.matches(r'^[0.]+([eE].*)?$')", "learningRate must be above 0"),
        Rule(
            "!has(self.microBatchSize) || self.batchSize % self.microBatchSize == 0",
            "microBatchSize must divide batchSize",
        ),
        Rule(
            "!has(self.earlyStopping) || has(self.evaluateEverySteps)",
            "earlyStopping needs measurements on the way: set evaluateEverySteps",
        ),
        Rule(
            "!has(self.publish) || self.publish != 'Best' || has(self.evaluateEverySteps)",
            "publish Best needs measurements on the way: set evaluateEverySteps",
        ),
        Rule(
            # The apiserver fills in the default rank before it asks.
            "self.method != 'Full' || (!has(self.alpha) && self.dropoutPercent == 0 && self.rank == 16)",
            "method Full makes no adapter: remove rank, alpha and dropoutPercent, or choose LoRA, QLoRA or DoRA",
        ),
        Rule(
            "self.method != 'QLoRA' || !has(self.newTokens)",
            "what has newTokens is a complete model, and QLoRA holds its base in 4 bits, of which none can be made: "
            "choose LoRA, DoRA or Full, or remove newTokens",
        ),
        Rule(
            "!has(self.dpo) || !has(self.stages)",
            "with stages, dpo belongs to the stage that learns from pairs: move it into stages[]",
        ),
        Rule(
            "self.batching != 'Packed' || !(has(self.dpo) || (has(self.stages) && self.stages.exists(s, has(s.dpo))))",
            "the answers of a pair are compared with each other and not packed: set batching to LengthBuckets, or "
            "remove dpo",
        ),
        Rule(
            "!has(self.stages) || !has(self.newTokens) || !has(self.newTokens.learned)",
            "tokens are learned from one Dataset, and each stage may have its own: list them under newTokens.listed, "
            "or remove stages",
        ),
        Rule(
            "!has(self.sharding) || self.method != 'QLoRA'",
            "what QLoRA holds in 4 bits cannot be divided among processes: choose LoRA, DoRA or Full, or remove "
            "sharding",
        ),
        Rule(
            "!has(self.processes) || self.processes <= self.batchSize",
            "each process needs a row of every batch: lower processes, or raise batchSize",
        ),
    )

    method: Literal["LoRA", "QLoRA", "DoRA", "Full"] = Field(
        default="LoRA",
        description="method of tuning. LoRA trains a small adapter and leaves the base model as it is. QLoRA does the "
        "same on a base model whose linear layers are held in 4 bits (NF4, double quantisation) while it trains: a "
        "quarter of their memory in BF16, for more time; the base model must have safetensors. DoRA also "
        "trains the length of each row of weights: often better at low rank, slower. Full trains all weights, in FP32, "
        "and takes 16 bytes of memory for each. llama.cpp serves the adapters of LoRA and QLoRA; exported as GGUF, "
        "results of the other two are complete models, made from the base model's GGUF.",
    )
    rank: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=16, description="rank of the adapter; a higher rank can learn more and takes more memory."
    )
    alpha: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None, description="alpha scales the adapter by alpha/rank; absent means twice the rank."
    )
    dropout_percent: Annotated[int, Field(ge=0, le=90)] = Field(
        default=0, description="dropoutPercent of the adapter's inputs that are left out while training."
    )
    learning_rate: NonNegative = Field(
        default="2e-4", description='learningRate at the peak of the schedule, as a string, for example "2e-4".'
    )
    schedule: Literal["Cosine", "Constant"] = Field(
        default="Cosine",
        description="schedule of the learning rate after the warm-up: Cosine falls to its end, Constant stays.",
    )
    warmup_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=5, description="warmupPercent of the steps in which the learning rate rises from 0."
    )
    weight_decay: NonNegative = Field(default="0", description='weightDecay of AdamW, as a string; "0" means none.')
    max_gradient_norm: NonNegative = Field(
        default="1.0", description='maxGradientNorm clips the gradient\'s norm, as a string; "0" means no clipping.'
    )
    stop_gradient_norm: NonNegative | None = Field(
        default=None,
        description="stopGradientNorm ends the run, with reason GradientExploded, when the gradient's norm before "
        'clipping is above it, as a string; absent means "1e5", and "0" never.',
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="epochs is the number of passes over the train split."
    )
    max_steps: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="maxSteps ends the run after that many optimiser steps; absent means epochs decide."
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=8, description="batchSize is the number of sequences per optimiser step."
    )
    processes: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        description="processes of each pod share every batch, with one GPU each, or an equal part of the CPUs: the "
        "result is that of one process, but for rounding. Each holds the whole model, unless sharding divides it. "
        "Absent means one for each GPU, and one without.",
    )
    sharding: Literal["Full"] | None = Field(
        default=None,
        description="sharding Full divides weights, gradients and optimiser among the processes (FSDP2): each device "
        "holds an equal part of them and, while it computes a layer, that layer whole. The result is the same, but for "
        "rounding; the processes send each other all weights twice a step. Absent means that each holds the whole "
        "model.",
    )
    micro_batch_size: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None,
        description="microBatchSize is the number of sequences per forward pass; gradients are accumulated up to "
        "batchSize. Absent means batchSize.",
    )
    max_tokens: Annotated[int, Field(ge=16, le=1_048_576)] = Field(
        default=1024, description="maxTokens is the longest sequence trained; longer ones are cut."
    )
    batching: Literal["LengthBuckets", "Packed"] = Field(
        default="LengthBuckets",
        description="batching is LengthBuckets (rows of like length share a batch) or Packed (rows fill sequences of "
        "maxTokens, "
        "with attention kept inside each row).",
    )
    precision: Literal["Auto", "BF16", "FP32"] = Field(
        default="Auto",
        description="precision of the forward pass: BF16, FP32, or Auto, which is BF16 where the device computes it "
        "natively.",
    )
    evaluate_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="evaluateEverySteps is the number of steps between measurements of validation loss; absent means "
        "once, at the end.",
    )
    early_stopping: EarlyStopping | None = Field(
        default=None,
        description="earlyStopping ends the run when validation loss does not improve any more; absent means never. It "
        "needs evaluateEverySteps.",
    )
    freeze_layers: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="freezeLayers leaves that many of the lowest layers as they are: they get no adapter, and with "
        "method Full they and the embeddings are not trained. Absent means none.",
    )
    layer_decay_percent: Annotated[int, Field(ge=1, le=99)] | None = Field(
        default=None,
        description="layerDecayPercent lets each layer learn with that percentage of the learning rate of the layer "
        "above it, so that lower layers change less; absent means that all learn alike.",
    )
    unfreeze_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="unfreezeEverySteps starts with the top layer alone and adds the next one below after each so many "
        "steps, the embeddings last; absent means that all are trained from the first step.",
    )
    publish: Literal["Last", "Best"] | None = Field(
        default=None,
        description="publish says which weights are the result: Last, those after the last step, or Best, those with "
        "the lowest measured validation loss (needs evaluateEverySteps; holds a copy of what is trained in host memory "
        "and in each checkpoint). Absent means Best with earlyStopping, else Last.",
    )
    neftune_alpha: NonNegative | None = Field(
        default=None,
        description="neftuneAlpha adds uniform noise to the embeddings while training (NEFTune), up to "
        'alpha/sqrt(tokens x width), as a string, for example "5"; absent means none. It helps small sets of chats '
        "against learning by heart.",
    )
    dpo: DPO | None = Field(
        default=None,
        description="dpo lets the run learn from pairs of answers, one chosen and one rejected: the Dataset has schema "
        "Preference, and batchSize counts pairs. Absent means that the run learns to say the answers of its Dataset.",
    )
    new_tokens: NewTokens | None = Field(
        default=None,
        description="newTokens are added to the base model's vocabulary; absent means none. Their embeddings begin as "
        "the mean of those of their pieces and are trained in FP32, which takes 16 bytes for each weight of all.",
    )
    stages: list[Stage] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra=BY_NAME,
        description="stages are gone through in order, each with a Dataset, schedule and gate of its own; what a stage "
        "does not state is that of the recipe. Absent means one pass through everything, on the Dataset of spec.",
    )


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


class TrainingResources(Resources):
    """What each pod of a run asks for, and how many there are. Requests and limits are equal for memory; CPU is not
    limited.
    """

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
    percent: Count = Field(default=0, description="percent is the share of the planned steps done.")
    epoch: Decimal | None = Field(
        default=None, description='epoch is the number of passes over the train split done, for example "1.5".'
    )
    eta_seconds: Count | None = Field(default=None, description="etaSeconds is the time left at the present speed.")
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
        default=None, description="stage that the run is in; step, steps and epoch are those of the stage."
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
    restarts: Restarts | None = Field(default=None, description="restarts counts how often the run was started again.")
    earlier_restarts: EarlierRestarts | None = Field(
        default=None, description="earlierRestarts are those before the present attempt; restarts includes them."
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
