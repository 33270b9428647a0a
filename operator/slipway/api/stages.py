"""What are the stages of a run, each with its own data, schedule and gate, and what is learned from answer pairs?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from slipway.api.base import Decimal, Label, Model, Name, NonNegative, Rule
from slipway.api.common import ArtifactRef

BY_NAME: dict[str, JsonValue] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
NOTHING = r"r'^[0.]+([eE].*)?$'"
"""CEL: what all texts that are written zeros match, whatever their length."""


class DPO(Model):
    """Direct preference optimisation: of two answers, the one that people chose becomes more likely."""

    rules = (Rule(f"!self.beta.matches({NOTHING})", "beta must be above 0"),)

    beta: NonNegative = Field(
        default="0.1",
        description="beta holds the model near the one that it starts from, its reference, as a string: higher values "
        "allow less distance.",
    )


class StageDataset(Model):
    """A Dataset of the same namespace."""

    name: Name = Field(description="name of the Dataset; the run starts when it is Ready and records its digest.")


class StageGate(Model):
    """What a stage must reach on the validation split of its Dataset; a run whose stage misses it ends there."""

    rules = (
        Rule("has(self.maxLoss) || has(self.minImprovement)", "a gate needs a bound: set maxLoss or minImprovement"),
    )

    max_loss: NonNegative | None = Field(
        default=None,
        description="maxLoss is the highest validation loss that passes, in nats per trained token (with dpo, nats per "
        "pair), as a string.",
    )
    min_improvement: Decimal | None = Field(
        default=None,
        description="minImprovement is what the validation loss must have fallen by since the stage began, at least, "
        "as a string. A negative value tolerates a rise.",
    )


class Stage(Model):
    """One stage of a run. It starts from the weights that the stage before ended with, with a fresh optimiser."""

    rules = (
        Rule(
            f"!has(self.learningRate) || !self.learningRate.matches({NOTHING})",
            "learningRate must be above 0",
        ),
    )

    name: Label = Field(description="name of the stage, for example foundation, specialisation or customisation.")
    dataset: StageDataset | None = Field(
        default=None, description="dataset that the stage trains on; absent means that of spec."
    )
    learning_rate: NonNegative | None = Field(
        default=None, description="learningRate at the peak of the stage's schedule; absent means that of the recipe."
    )
    schedule: Literal["Cosine", "Constant"] | None = Field(
        default=None, description="schedule of the learning rate; absent means that of the recipe."
    )
    warmup_percent: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="warmupPercent of the stage's steps in which the learning rate rises from 0; absent means that of "
        "the recipe.",
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="epochs is the number of passes over the stage's train split; absent means that of the recipe.",
    )
    max_steps: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None,
        description="maxSteps ends the stage after that many optimiser steps; absent means that of the recipe.",
    )
    max_tokens: Annotated[int, Field(ge=16, le=1_048_576)] | None = Field(
        default=None,
        description="maxTokens is the longest sequence trained in the stage; absent means that of the recipe.",
    )
    evaluate_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="evaluateEverySteps is the number of steps between measurements of validation loss; absent means "
        "that of the recipe.",
    )
    dpo: DPO | None = Field(
        default=None,
        description="dpo lets the stage learn from pairs of answers: its Dataset has schema Preference. Absent means "
        "that the stage learns to say the answers of its Dataset.",
    )
    gate: StageGate | None = Field(
        default=None,
        description="gate that the stage must pass, or the run ends with reason StageGateMissed; absent means none.",
    )


class StageData(Model):
    """The data that one stage of a run trained on."""

    name: Label = Field(description="name of the stage.")
    dataset: ArtifactRef = Field(description="dataset is the prepared data that the stage trained on, by digest.")
