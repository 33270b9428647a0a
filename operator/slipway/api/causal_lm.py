"""How is a language model tuned: method, schedule, batches, and when it is enough?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, NonNegative, Rule
from slipway.api.stages import BY_NAME, DPO, Stage
from slipway.api.vocabulary import NewTokens


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
