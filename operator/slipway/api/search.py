"""What may a TrainingJob search for, and what is told of the search and of its trials?"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.api.base import Count, Decimal, Model, Name, OneOf, Rule, Seconds, StatusModel, StoreUri, bounded
from slipway.api.modelversion import PARAMETERS, Format

MOST_TRIALS: Final = 500
MOST_PARAMETERS: Final = 16
MOST_ROWS: Final = 32
"""Trials told in status: those on their way and the best. All of them are TrainingJobs of their own."""
MOST_MEASUREMENTS: Final = 32
"""Rungs of a trial: even with a factor of 2 the last one is beyond any run."""

FieldPath = Annotated[
    str,
    bounded(
        63,
        pattern=r"^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$",
        says="name a field below the recipe's member, for example learningRate or earlyStopping.patienceEvaluations",
    ),
]
Whole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class FloatRange(Model):
    """Any number between two."""

    rules = (
        Rule("double(self.min) < double(self.max)", "the range is empty: set min below max"),
        Rule(
            "!self.log || double(self.min) > 0.0",
            "a logarithmic range starts above 0: raise min, or set log to false",
        ),
    )

    min: Decimal = Field(description='min is the smallest value, as a string, for example "1e-5".')
    max: Decimal = Field(description='max is the largest value, as a string, for example "1e-3".')
    log: bool = Field(
        default=False, description="log draws by magnitude: as many values from 1e-5 to 1e-4 as from 1e-4 to 1e-3."
    )


class IntRange(Model):
    """A whole number between two, both included."""

    rules = (
        Rule("self.min < self.max", "the range is empty: set min below max"),
        Rule("!self.log || self.min >= 1", "a logarithmic range starts at 1 or above: raise min, or set log to false"),
        Rule("!self.log || self.step == 1", "a logarithmic range has no step: remove step, or set log to false"),
    )

    min: Whole = Field(description="min is the smallest value that is tried.")
    max: Whole = Field(description="max is the largest value that is tried.")
    step: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        default=1, description="step between the values that are tried, counted from min."
    )
    log: bool = Field(
        default=False, description="log draws by magnitude: as many values from 8 to 16 as from 16 to 32."
    )


class Categorical(Model):
    """One of a list, whose order means nothing."""

    choices: list[Annotated[str, bounded(64)]] = Field(
        min_length=2,
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description='choices are the values, as strings: "LoRA", "16" and "true" suit fields of each type.',
    )


class Values(OneOf):
    """The values of one field that are tried."""

    float_: FloatRange | None = Field(default=None, alias="float", description="float tries any number between two.")
    int_: IntRange | None = Field(default=None, alias="int", description="int tries whole numbers between two.")
    categorical: Categorical | None = Field(default=None, description="categorical tries the values of a list.")


class Parameter(Model):
    """A field of the recipe that differs from trial to trial."""

    field: FieldPath = Field(
        description="field of the recipe's member, for example learningRate; the recipe's own value is not used."
    )
    values: Values = Field(description="values that are tried; exactly one member must be set.")


class Objective(Model):
    """What makes one trial better than another."""

    rules = (
        Rule(
            "self.metric != 'ValidationLoss' || self.direction == 'Minimize'",
            "a lower loss is better: set direction to Minimize",
        ),
        Rule(
            "self.metric != 'TokensPerSecond' || self.direction == 'Maximize'",
            "more tokens each second are better: set direction to Maximize",
        ),
    )

    metric: Literal["ValidationLoss", "TokensPerSecond"] = Field(
        default="ValidationLoss",
        description="metric of a finished trial that counts: ValidationLoss, that of the published weights, or "
        "TokensPerSecond, all tokens trained through the time of all steps.",
    )
    direction: Literal["Minimize", "Maximize"] = Field(
        default="Minimize", description="direction that is better: Minimize or Maximize."
    )


class Pruning(Model):
    """When a trial is ended because others were better at the same step (asynchronous successive halving)."""

    min_steps: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        description="minSteps is the number of optimiser steps that every trial may do. Trials are compared by their "
        "validation loss after that many, then after reductionFactor times as many, and so on."
    )
    reduction_factor: Annotated[int, Field(ge=2, le=10)] = Field(
        default=3,
        description="reductionFactor says how many go on each time: the best one of so many. While fewer trials than "
        "that were measured after so many steps, none is ended there.",
    )


class Search(Model):
    """Which trials are made, and how many."""

    rules = (
        Rule("self.parallelism <= self.maxTrials", "parallelism is above maxTrials: lower it, or raise maxTrials"),
        Rule(
            "!has(self.pruning) || self.objective.metric == 'ValidationLoss'",
            "trials are ended by their validation loss: set objective.metric to ValidationLoss, or remove pruning",
        ),
    )

    parameters: list[Parameter] = Field(
        min_length=1,
        max_length=MOST_PARAMETERS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["field"]},
        description="parameters are the fields of the recipe that differ from trial to trial; all others are the "
        "recipe's.",
    )
    objective: Objective = Field(default=Objective(), description="objective says which trial is the best.")
    sampler: Literal["TPE", "Random"] = Field(
        default="TPE",
        description="sampler draws the parameters of each trial. TPE learns from the trials before; Random does not. "
        "The same trials and the same seed give the same draw.",
    )
    startup_trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = Field(
        default=10,
        description="startupTrials is the number of trials that must have ended before TPE learns from them.",
    )
    max_trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = Field(
        description="maxTrials is the number of trials that are made, those that fail or are pruned included."
    )
    parallelism: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="parallelism is the number of trials that run or wait for a pod at the same time."
    )
    max_failed_trials: Annotated[int, Field(ge=0, le=MOST_TRIALS)] = Field(
        default=3,
        description="maxFailedTrials is the number of failed trials that the search survives. A trial whose loss "
        "exploded does not count: it tells where not to look.",
    )
    deadline_seconds: Annotated[Seconds, Field(ge=60)] | None = Field(
        default=None,
        description="deadlineSeconds bounds the time in which trials run; then those still running are ended and the "
        "best finished one wins. Absent means no bound. Each trial has spec.deadlineSeconds for itself.",
    )
    pruning: Pruning | None = Field(
        default=None, description="pruning ends trials early that fall behind; absent means that each runs to its end."
    )


# What is told

TrialOutcome = Literal["Running", "Complete", "Pruned", "Failed", "Stopped"]
TrialParameters = Annotated[
    dict[Annotated[str, bounded(63)], Annotated[str, bounded(64)]],
    Field(json_schema_extra={"x-kubernetes-map-type": "atomic", "maxProperties": MOST_PARAMETERS}),
]


class Measurement(StatusModel):
    """A validation loss on the way, by which trials are compared."""

    step: Count = Field(description="step is the number of optimiser steps done before it was measured.")
    value: Decimal = Field(description="value is the validation loss, in nats per trained token.")


class TrialStatus(StatusModel):
    """What the search that owns a trial needs of it."""

    measurements: list[Measurement] = Field(
        default=[], max_length=MOST_MEASUREMENTS, description="measurements are those by which trials are pruned."
    )
    kind: Literal["Adapter", "Model"] | None = Field(
        default=None, description="kind of the artefact: Adapter or Model (complete weights)."
    )
    formats: list[Format] = Field(default=[], max_length=2, description="formats that the artefact holds.")
    tokens_per_second: Decimal | None = Field(
        default=None, description="tokensPerSecond is the number of tokens trained each second, over all steps."
    )
    parameters: dict[Annotated[str, bounded(64)], Annotated[str, bounded(512, minimum=0)]] = Field(
        default={}, json_schema_extra=PARAMETERS, description="parameters of the run, defaults included."
    )


class TrialRow(StatusModel):
    """One trial of a search."""

    number: Count = Field(description="number of the trial, from 0.")
    name: Name = Field(description="name of the TrainingJob that is the trial.")
    state: TrialOutcome = Field(
        description="state is Running (or waiting for its pod), Complete, Pruned, Failed, or Stopped with the search."
    )
    value: Decimal | None = Field(default=None, description="value of the objective's metric, once it is complete.")
    reason: Annotated[str, bounded(128)] | None = Field(
        default=None, description="reason is the trial's own word for how it ended, where it is not complete."
    )
    parameters: TrialParameters = Field(default={}, description="parameters that were drawn for it.")


class SearchStatus(StatusModel):
    """How far a search is."""

    summary: Annotated[str, bounded(64)] = Field(
        description="summary is the number of ended trials of all, and the best value, in one short line."
    )
    running: Count = Field(default=0, description="running is the number of trials that run or wait for a pod.")
    complete: Count = Field(default=0, description="complete is the number of trials that have a value.")
    pruned: Count = Field(default=0, description="pruned is the number of trials ended because others were better.")
    failed: Count = Field(default=0, description="failed is the number of trials that ended without a value.")
    best: TrialRow | None = Field(default=None, description="best is the trial with the best value so far.")
    page: StoreUri | None = Field(
        default=None,
        description="page is where a page with the plots of the study lies in the store, once the search has ended.",
    )
    trials: list[TrialRow] = Field(
        default=[],
        max_length=MOST_ROWS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["number"]},
        description="trials that run, and the best of the others, by number. All of them: "
        "`kubectl get swt -l slipway.dev/name=NAME`.",
    )
