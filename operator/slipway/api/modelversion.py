"""What is a ModelVersion: immutable identity, lineage and proof of quality?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from slipway.api.base import (
    LISTED,
    Count,
    Decimal,
    Digest,
    Label,
    Message,
    Model,
    Name,
    Rule,
    Seconds,
    SemVer,
    StatusModel,
    StoreUri,
    bounded,
)
from slipway.api.common import ArtifactRef, Evaluation
from slipway.api.conditions import CONDITIONS, Condition
from slipway.api.pod import PodOptions
from slipway.api.queueing import Queue
from slipway.api.ratings import Ratings
from slipway.api.stages import BY_NAME, StageData

Format = Literal["SafeTensors", "GGUF"]
VersionState = Literal["Pending", "Evaluating", "AwaitingRatings", "Ready", "Rejected", "Failed"]
Stage = Literal["Candidate", "Canary", "Production", "Archived", "Rejected"]
GateOutcome = Literal["Pass", "Fail", "NoData"]

MOST_NAMED = 3
"""Items of a metric that status names."""
ID_LENGTH = 96
"""Characters of an item's name in status."""

PARAMETERS: dict[str, JsonValue] = {"x-kubernetes-map-type": "atomic", "maxProperties": 64}


class VersionArtifact(ArtifactRef):
    """The model's files."""

    formats: list[Format] = Field(
        min_length=1,
        max_length=2,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="formats that the artefact holds. Pickle is refused.",
    )
    kind: Literal["Adapter", "Model"] = Field(
        default="Adapter", description="kind is Adapter (LoRA, served on the base model) or Model (complete weights)."
    )


class Lineage(Model):
    """What made the artefact."""

    training_job: Name | None = Field(default=None, description="trainingJob that made the artefact.")
    dataset: ArtifactRef | None = Field(default=None, description="dataset that the model was trained on, by digest.")
    stages: list[StageData] | None = Field(
        default=None,
        max_length=8,
        json_schema_extra=BY_NAME,
        description="stages are the datasets that each stage of the run trained on, by digest, in order; absent means "
        "that it had none.",
    )
    recipe_digest: Digest | None = Field(
        default=None, description="recipeDigest is the digest of the full description of the run."
    )
    image: Annotated[str, bounded(512)] | None = Field(
        default=None, description="image that trained the model, by digest."
    )
    code_version: Annotated[str, bounded(64)] | None = Field(
        default=None, description="codeVersion is the version of Slipway that trained the model."
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(default=None, description="seed of the run.")
    parameters: dict[Annotated[str, bounded(64)], Annotated[str, bounded(512, minimum=0)]] = Field(
        default={}, json_schema_extra=PARAMETERS, description="parameters of the run, defaults included."
    )


class Card(Model):
    """What users of the model should know."""

    description: Annotated[str, bounded(2048, minimum=0)] = Field(
        default="", description="description of the model in a few sentences."
    )
    licence: Annotated[str, bounded(128, minimum=0)] = Field(
        default="", description="licence of the model as an SPDX expression, for example Apache-2.0."
    )


class ModelVersionSpec(Model):
    """spec is the identity of the version; it never changes."""

    rules = (
        Rule("self == oldSelf", "spec is immutable: create a ModelVersion with a new name instead"),
        Rule(
            "self.artifact.kind != 'Adapter' || has(self.baseModel)",
            "an Adapter is served on its base model: set baseModel with its uri and digest",
        ),
        Rule(
            "!has(self.evaluation) || has(self.evaluationData)",
            "evaluation needs evaluationData: set the uri and digest of a prepared dataset",
        ),
    )

    model: Label = Field(
        description="model is the line of versions that this one belongs to, for example blueprint-assistant."
    )
    version: SemVer = Field(description="version in the line, as semantic versioning writes it, for example 1.2.0.")
    artifact: VersionArtifact = Field(
        description="artifact is where the model's files lie, and what they must hash to."
    )
    base_model: ArtifactRef | None = Field(
        default=None,
        description="baseModel that an Adapter is served on; a Model needs none, and is compared with it where one is "
        "given.",
    )
    evaluation: Evaluation | None = Field(
        default=None,
        description="evaluation says what is measured and which gates must pass; absent means that only digests are "
        "checked.",
    )
    evaluation_data: ArtifactRef | None = Field(
        default=None,
        description="evaluationData is the prepared dataset, pinned by digest, whose test split the version is judged "
        "on.",
    )
    lineage: Lineage | None = Field(
        default=None, description="lineage says what made the artefact; Slipway fills it in for versions it trained."
    )
    card: Card | None = Field(default=None, description="card says what users of the model should know.")
    pod: PodOptions | None = Field(
        default=None,
        description="pod gives the pod that verifies and evaluates the version its priority, its place and its "
        "surroundings. A version that a TrainingJob makes has that of its TrainingJob.",
    )
    queue: Queue | None = Field(
        default=None,
        description="queue of Kueue in which the Job that verifies and evaluates the version waits for its turn; "
        "absent means that it does not. A version that a TrainingJob makes has that of its TrainingJob.",
    )
    ttl_seconds_after_finished: Seconds | None = Field(
        default=None,
        description="ttlSecondsAfterFinished deletes the Job and its pods that long after the verdict; absent keeps "
        "them. Those of an evaluation that failed stay: to delete them is to try again.",
    )


class MetricResult(StatusModel):
    """One measured figure."""

    name: Name = Field(description="name of the metric, as in spec.evaluation.metrics.")
    value: Decimal = Field(description="value measured on this version.")
    samples: Count = Field(default=0, description="samples is the number of items measured.")
    reference: Decimal | None = Field(
        default=None,
        description="reference is the value of the version that this one is compared with, on the same items.",
    )
    improvement: Decimal | None = Field(default=None, description="improvement over the reference; positive is better.")
    lower_bound: Decimal | None = Field(
        default=None, description="lowerBound of the improvement at the confidence of the gate that judges it."
    )
    worse: Count | None = Field(
        default=None, description="worse is the number of items on which this version lost against the reference."
    )
    worst: list[Annotated[str, bounded(ID_LENGTH)]] = Field(
        default=[],
        max_length=MOST_NAMED,
        exclude_if=lambda names: not names,
        json_schema_extra=LISTED,
        description="worst are the ids of the items that lost most, the worst first; the report has all of them.",
    )


class GateResult(StatusModel):
    """One gate's outcome and its numbers."""

    name: Name = Field(description="name of the gate, as in spec.evaluation.gates.")
    outcome: GateOutcome = Field(description="outcome is Pass, Fail or NoData. Only Pass lets a version serve.")
    value: Decimal | None = Field(default=None, description="value that was judged.")
    bound: Decimal | None = Field(default=None, description="bound that the value was held against.")
    message: Message = Field(default="", description="message states the comparison in words, with its numbers.")


class Reference(StatusModel):
    """What this version was compared with, fixed when its evaluation started."""

    name: Name | None = Field(default=None, description="name of the ModelVersion; absent means the base model.")
    digest: Digest = Field(description="digest of the reference's artefact.")


class Verified(StatusModel):
    """What was checked about the artefact's bytes."""

    digest: Digest = Field(description="digest computed from the files found; it equals spec.artifact.digest.")
    signature: Annotated[str, bounded(253)] | None = Field(
        default=None,
        description="signature names the public key by which the artefact's signature holds, as its ConfigMap has it; "
        "absent where the installation required none.",
    )


class ModelVersionStatus(StatusModel):
    """status is what was observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description=CONDITIONS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: Count = Field(default=0, description="observedGeneration is the generation acted upon.")
    state: VersionState = Field(default="Pending", description="state is a word for people, derived from conditions.")
    stage: Stage = Field(
        default="Candidate",
        description="stage is derived from the Rollouts that use the version: Candidate, Canary, Production, Archived "
        "or Rejected.",
    )
    verified: Verified | None = Field(default=None, description="verified says which digest was found.")
    reference: Reference | None = Field(default=None, description="reference is what the version was compared with.")
    metrics: list[MetricResult] = Field(
        default=[],
        max_length=16,
        description="metrics measured on the version.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    gates: list[GateResult] = Field(
        default=[],
        max_length=16,
        description="gates and their outcomes, with the numbers.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    ratings: Ratings | None = Field(
        default=None, description="ratings is the sheet that people rate on, and who has; only with humanPreference."
    )
    score: Annotated[str, bounded(128, minimum=0)] = Field(
        default="", description="score is the metrics in one short line, for tables."
    )
    report: StoreUri | None = Field(default=None, description="report holds the results item by item.")
    message: Message = Field(default="", description="message is the present situation in one sentence.")
