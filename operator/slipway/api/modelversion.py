"""What is a ModelVersion: immutable identity, lineage and proof of quality?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from slipway.api.base import (
    Count,
    Decimal,
    Digest,
    Label,
    Message,
    Model,
    Name,
    Rule,
    SemVer,
    StatusModel,
    StoreUri,
    bounded,
)
from slipway.api.common import ArtifactRef, Evaluation
from slipway.api.conditions import Condition

Format = Literal["SafeTensors", "GGUF"]
VersionState = Literal["Pending", "Evaluating", "Ready", "Rejected", "Failed"]
Stage = Literal["Candidate", "Canary", "Production", "Archived", "Rejected"]
GateOutcome = Literal["Pass", "Fail", "NoData"]

PARAMETERS: dict[str, JsonValue] = {"x-kubernetes-map-type": "atomic", "maxProperties": 64}


class VersionArtifact(ArtifactRef):
    """The model's files."""

    formats: list[Format] = Field(
        min_length=1,
        max_length=2,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="formats found in the artefact. Pickle is refused.",
    )
    kind: Literal["Adapter", "Model"] = Field(
        default="Adapter", description="kind is Adapter (LoRA, served on the base model) or Model (complete weights)."
    )


class Lineage(Model):
    """What made the artefact."""

    training_job: Name | None = Field(default=None, description="trainingJob that made it.")
    dataset: ArtifactRef | None = Field(default=None, description="dataset it was trained on.")
    recipe_digest: Digest | None = Field(default=None, description="recipeDigest of the full job description.")
    image: Annotated[str, bounded(512)] | None = Field(default=None, description="image that trained it, by digest.")
    code_version: Annotated[str, bounded(64)] | None = Field(default=None, description="codeVersion of slipway.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(default=None, description="seed of the run.")
    parameters: dict[Annotated[str, bounded(64)], Annotated[str, bounded(512, minimum=0)]] = Field(
        default={}, json_schema_extra=PARAMETERS, description="parameters of the run, fully resolved."
    )


class Card(Model):
    """What users of the model should know."""

    description: Annotated[str, bounded(2048, minimum=0)] = Field(default="", description="description of the model.")
    licence: Annotated[str, bounded(128, minimum=0)] = Field(default="", description="licence, as an SPDX expression.")


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

    model: Label = Field(description="model is the line of versions it belongs to.")
    version: SemVer = Field(description="version in the line, for example 1.2.0.")
    artifact: VersionArtifact = Field(description="artifact is the model's files.")
    base_model: ArtifactRef | None = Field(default=None, description="baseModel that an adapter is served on.")
    evaluation: Evaluation | None = Field(
        default=None, description="evaluation and gates; absent means digests are checked only."
    )
    evaluation_data: ArtifactRef | None = Field(
        default=None, description="evaluationData is the pinned dataset judged on."
    )
    lineage: Lineage | None = Field(default=None, description="lineage says what made the artefact.")
    card: Card | None = Field(default=None, description="card is for users of the model.")


class MetricResult(StatusModel):
    """One measured figure."""

    name: Name = Field(description="name of the metric.")
    value: Decimal = Field(description="value of this version.")
    samples: Count = Field(default=0, description="samples measured.")
    reference: Decimal | None = Field(default=None, description="reference is the value of the version compared with.")
    improvement: Decimal | None = Field(default=None, description="improvement over the reference; positive is better.")
    lower_bound: Decimal | None = Field(
        default=None, description="lowerBound of the improvement at the gate's confidence."
    )


class GateResult(StatusModel):
    """One gate's outcome and its numbers."""

    name: Name = Field(description="name of the gate.")
    outcome: GateOutcome = Field(description="outcome is Pass, Fail or NoData. Only Pass lets a version serve.")
    value: Decimal | None = Field(default=None, description="value judged.")
    bound: Decimal | None = Field(default=None, description="bound it was held against.")
    message: Message = Field(default="", description="message states the comparison in words.")


class Reference(StatusModel):
    """What this version was compared with, fixed when its evaluation started."""

    name: Name | None = Field(default=None, description="name of the ModelVersion; absent means the base model.")
    digest: Digest = Field(description="digest of its artefact.")


class Verified(StatusModel):
    """What was checked about the artefact's bytes."""

    digest: Digest = Field(description="digest found, equal to spec.artifact.digest.")


class ModelVersionStatus(StatusModel):
    """status is what was observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="conditions Ready, Reconciling and Stalled.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: Count = Field(default=0, description="observedGeneration is the generation acted upon.")
    state: VersionState = Field(default="Pending", description="state is a word for people, derived from conditions.")
    stage: Stage = Field(default="Candidate", description="stage is derived from the Rollouts that use the version.")
    verified: Verified | None = Field(default=None, description="verified says which digest was found.")
    reference: Reference | None = Field(default=None, description="reference is what the version was compared with.")
    metrics: list[MetricResult] = Field(
        default=[],
        max_length=16,
        description="metrics measured.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    gates: list[GateResult] = Field(
        default=[],
        max_length=16,
        description="gates and their outcomes.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    score: Annotated[str, bounded(128, minimum=0)] = Field(
        default="", description="score is the metrics in one short line, for tables."
    )
    report: StoreUri | None = Field(default=None, description="report holds the results item by item.")
    message: Message = Field(default="", description="message is the present situation in one sentence.")
