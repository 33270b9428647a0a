"""Which small types do several kinds share?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import (
    Count,
    Decimal,
    Digest,
    Model,
    Name,
    NonNegative,
    OneOf,
    Quantity,
    Rule,
    Seconds,
    StoreUri,
    bounded,
)
from slipway.api.preference import HumanPreference


class ArtifactRef(Model):
    """A content-addressed folder (or one file) in the object store."""

    uri: StoreUri = Field(description="uri is where the artefact lies, for example s3://models/smollm2-135m/.")
    digest: Digest = Field(
        description="digest is the sha256 over the artefact's file list (path, sha256 and size of every file); "
        "every reader checks it before use. `python -m slipway_pod.push` prints it."
    )


class ArtifactStatus(ArtifactRef):
    """An artefact that a pod published."""

    bytes: Count = Field(default=0, description="bytes is the size of all files together.")


class Gpu(Model):
    """The GPUs of a pod."""

    count: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="count is the number of GPUs of the pod.")
    product: Annotated[str, bounded(63)] | None = Field(
        default=None,
        description="product is the value of the node label nvidia.com/gpu.product to run on, for example NVIDIA-H200.",
    )


class Toleration(Model):
    """A taint that the pod accepts."""

    rules = (
        Rule(
            "self.operator == 'Equal' || !has(self.value)",
            "a value is compared only with operator Equal: set operator to Equal",
        ),
    )

    key: Annotated[str, bounded(253)] = Field(description="key of the taint, for example nvidia.com/gpu.")
    operator: Literal["Exists", "Equal"] = Field(
        default="Exists", description="operator is Exists (any value of the taint) or Equal (value must match)."
    )
    value: Annotated[str, bounded(63)] | None = Field(
        default=None, description="value of the taint, with operator Equal."
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="effect of the taint that is accepted; absent means every effect."
    )


class Resources(Model):
    """What a pod asks for. Requests and limits are equal for memory; CPU is not limited."""

    cpu: Quantity = Field(default="1", description="cpu is the CPU request, for example 500m or 4.")
    memory: Quantity = Field(default="2Gi", description="memory is the memory request and limit, for example 16Gi.")
    storage: Quantity = Field(
        default="10Gi", description="storage is the limit of the pod's scratch space on its node, for example 50Gi."
    )
    gpu: Gpu | None = Field(default=None, description="gpu asks for GPUs; absent means CPU only.")
    tolerations: list[Toleration] = Field(
        default=[], max_length=16, description="tolerations let the pod run on tainted nodes, for example GPU nodes."
    )


class HeldOutLoss(Model):
    """Mean cross-entropy, in nats per trained token, on the dataset's test split, or on other data."""

    max_examples: Annotated[int, Field(ge=2, le=100_000)] = Field(
        default=64, description="maxExamples bounds the examples judged; they are chosen by hash, the same every time."
    )
    data: ArtifactRef | None = Field(
        default=None,
        description="data is an artefact with other text to judge on, for example general text that the model must not "
        'forget: files *.txt, or *.jsonl with lines {"text": "…"}, or a prepared dataset, of which the test split is '
        "taken; absent means the test split of the version's own dataset.",
    )


class BlueprintValidity(Model):
    """The share of generated Unreal Blueprint (T3D) answers that parse, of known nodes, whose pin links resolve.

    A node is known when graphs of the dataset's train split have its class, or the answer that is wanted.
    """

    max_examples: Annotated[int, Field(ge=2, le=10_000)] = Field(
        default=16, description="maxExamples bounds the prompts answered; they are chosen by hash, the same every time."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = Field(
        default=256, description="maxNewTokens bounds each answer; an answer cut by it is completed to its last object."
    )


class BlueprintDistance(Model):
    """How near generated Unreal Blueprints are to those wanted: the share of nodes and links that need no change.

    With the numbers of a blueprintValidity it judges the same answers, which are then given once.
    """

    max_examples: Annotated[int, Field(ge=2, le=10_000)] = Field(
        default=16, description="maxExamples bounds the prompts answered; they are chosen by hash, the same every time."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = Field(
        default=256, description="maxNewTokens bounds each answer; an answer cut by it is judged to its last object."
    )


class BlenderExecution(Model):
    """The share of tasks that generated Blender Python solves: it compiles, its names exist, it runs, nothing lacks."""

    rules = (
        Rule(
            "self.passAt <= self.samples",
            "passAt is the number of answers of which one must be right: raise samples or lower passAt",
        ),
    )

    tasks: ArtifactRef = Field(
        description="tasks is an artefact with files *.jsonl: a line is a task, with id, prompt and what the file must "
        "hold in the end (expect)."
    )
    max_examples: Annotated[int, Field(ge=2, le=1000)] = Field(
        default=64, description="maxExamples bounds the tasks given; they are chosen by hash, the same every time."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = Field(
        default=512, description="maxNewTokens bounds each answer; one that is cut by it is judged as it is."
    )
    samples: Annotated[int, Field(ge=1, le=50)] = Field(
        default=1,
        description="samples is the number of answers to each task. One is the most likely answer; more are drawn at "
        "temperature, each with a seed of its own.",
    )
    pass_at: Annotated[int, Field(ge=1, le=50)] = Field(
        default=1,
        description="passAt is k of pass@k: the figure is the chance that of k answers one is right, estimated without "
        "bias from all samples.",
    )
    temperature: NonNegative = Field(
        default="0.8", description="temperature at which answers are drawn, when samples is above 1."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=600)] = Field(
        default=20,
        description="timeoutSeconds is what each answer may compute, on all its threads together; by the clock it is "
        "ended after five times as long.",
    )


class EvaluationMetric(OneOf):
    """One figure to measure on the exact artefact that will serve."""

    held_out_loss: HeldOutLoss | None = Field(
        default=None,
        description="heldOutLoss is the mean loss on the test split, or on data, in nats per trained token; lower is "
        "better.",
    )
    blueprint_validity: BlueprintValidity | None = Field(
        default=None,
        description="blueprintValidity is the share of generated Blueprints that are valid; higher is better.",
    )
    blueprint_distance: BlueprintDistance | None = Field(
        default=None,
        description="blueprintDistance is how near generated Blueprints are to those wanted, from 0 (nothing in "
        "common) to 1 (the same graph); higher is better.",
    )
    blender_execution: BlenderExecution | None = Field(
        default=None,
        description="blenderExecution is the share of tasks that are solved, by running the answers in Blender; higher "
        "is better.",
    )
    human_preference: HumanPreference | None = Field(
        default=None,
        description="humanPreference is the share of pairs of answers in which people, who do not know whose is which, "
        "prefer this version's, ties left out; higher is better. The version waits for their ratings.",
    )


class NamedMetric(Model):
    """A metric and the name by which gates and tables call it."""

    name: Name = Field(description="name is how gates and status call this metric.")
    measure: EvaluationMetric = Field(description="measure says what is measured; exactly one member must be set.")


LEAST_ITEMS = 5
"""Fewer items say too little for any verdict."""
MOST_ITEMS = {
    "heldOutLoss": "maxExamples",
    "blueprintValidity": "maxExamples",
    "blueprintDistance": "maxExamples",
    "blenderExecution": "maxExamples",
    "humanPreference": "minRated",
}
"""Measure → its field that says on how many items there is a verdict."""


class Gate(Model):
    """A condition that a version must meet before it may receive any traffic."""

    rules = (
        Rule(
            "has(self.minImprovement) || has(self.min) || has(self.max)",
            "a gate needs a bound: set minImprovement, min or max",
        ),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "nothing can pass, for min is above max: lower min or raise max",
        ),
    )

    name: Name = Field(description="name of the gate, unique in the list.")
    metric: Name = Field(description="metric is the name of the metric it judges.")
    min_improvement: Decimal | None = Field(
        default=None,
        description="minImprovement is what the lower confidence bound of the paired improvement over the version "
        "in production (or the base model, while nothing is in production) must exceed, as a string. "
        "A negative value tolerates a loss.",
    )
    min: Decimal | None = Field(default=None, description="min is the smallest value that passes, as a string.")
    max: Decimal | None = Field(default=None, description="max is the largest value that passes, as a string.")
    confidence_percent: Annotated[int, Field(ge=50, le=99)] = Field(
        default=95, description="confidencePercent is the one-sided confidence of the lower bound."
    )
    # Left out at its default: evaluations keep the digests that they had before there was this.
    min_items: Annotated[int, Field(ge=LEAST_ITEMS, le=100_000)] = Field(
        default=LEAST_ITEMS,
        exclude_if=lambda items: items == LEAST_ITEMS,
        description="minItems is how many items must have been measured for the gate to have data: on fewer it does "
        "not pass, whatever they say.",
    )


def _items_suffice() -> str:
    """Return the CEL rule that no gate waits for more items than its metric has."""
    items = "g.minItems"
    for measure, field in MOST_ITEMS.items():
        items = f"has(m.measure.{measure}) ? m.measure.{measure}.{field} : {items}"
    return f"!has(self.gates) || self.gates.all(g, self.metrics.all(m, m.name != g.metric || g.minItems <= ({items})))"


class Evaluation(Model):
    """How a version is measured, and what it must reach."""

    rules = (
        Rule(
            "!has(self.gates) || self.gates.all(g, self.metrics.exists(m, m.name == g.metric))",
            "every gate must name a metric of this evaluation: add the metric to metrics or correct gates[].metric",
        ),
        Rule(
            "self.metrics.filter(m, has(m.measure.humanPreference)).size() <= 1",
            "there is one sheet for people to rate: keep one metric with humanPreference",
        ),
        Rule(
            _items_suffice(),
            "a gate cannot pass, for its minItems is above the items of its metric: lower minItems, or raise the "
            "metric's maxExamples (of humanPreference: minRated)",
        ),
        Rule(
            "self.metrics.all(m, !has(m.measure.humanPreference) || (has(self.gates) && "
            "self.gates.exists(g, g.metric == m.name)))",
            "a version waits for humanPreference, so something must depend on it: add a gate that names its metric",
        ),
    )

    metrics: list[NamedMetric] = Field(
        min_length=1,
        max_length=16,
        description="metrics to measure, on the exact artefact that will serve.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    gates: list[Gate] = Field(
        default=[],
        max_length=16,
        description="gates that must all pass before the version may receive any traffic; absent means it is measured "
        "only.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(default=0, description="seed of generation and resampling.")
    resources: Resources = Field(
        default=Resources(),
        description="resources of the evaluation pod. It holds the version and its reference, one after the other.",
    )
    execution: Resources | None = Field(
        default=None,
        description="execution is the resources of the container that runs answers in Blender, one at a time for each "
        "CPU; it has no credentials. Absent means 1 CPU, 3Gi of memory and 2Gi of storage.",
    )
    deadline_seconds: Annotated[Seconds, Field(ge=60)] | None = Field(
        default=None,
        description="deadlineSeconds is how long one attempt may take; then the version fails with reason "
        "EvaluationTimedOut. Absent means six hours.",
    )
