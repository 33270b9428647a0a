"""What does the report of a training run tell? report.json is this; report.html shows it.

A run has one report from its first step on, at one address, whatever becomes of it. It lies beside the models, in no
artefact, because it has times and speeds in it:

    models/<digest>/                            an artefact
    models/reports/<namespace>/<run>/           report.html, report.json, history.jsonl (a line for each step and
                                                measurement), tensorboard/ where it was asked for

Texts may come from the data (messages name rows): whoever shows them must escape them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.common import ArtifactRef, ArtifactStatus
from slipway.api.trainingjob_status import RunMemory
from slipway.contract.job import Train
from slipway.contract.result import Rung

Outcome = Literal["Running", "Stopped", "Succeeded", "Failed"]
"""Stopped is by SIGTERM, with everything saved. A run that was killed without a word says Running for ever."""
CurveName = Literal[
    "Loss",
    "ValidationLoss",
    "LearningRate",
    "GradientNorm",
    "TokensPerSecond",
    "TrainedTokensPerSecond",
    "MfuPercent",
    "MemoryBytes",
]


class Point(StatusModel):
    """Steps in a row, up to `step` and since the point before: their mean, and the least and the most of them."""

    step: int
    value: float = Field(allow_inf_nan=False)
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)


class Curve(StatusModel):
    """One figure over the steps; losses are in nats per trained token."""

    name: CurveName
    points: tuple[Point, ...]


class Restart(StatusModel):
    """The run went on in another pod."""

    step: int
    """The step of the checkpoint that it went on from; 0 where it began anew."""
    reached: int
    """The last step that the report knew of before: what was done beyond `step` was done again."""
    ended: str
    """How it ended before: Stopped, Killed, ResultLost, or the reason of a failure."""
    at: str
    """RFC 3339."""


class Lowest(StatusModel):
    """The lowest validation loss that was measured, and the step after which it was."""

    step: int
    validation_loss: float = Field(allow_inf_nan=False)


class Failure(StatusModel):
    """Why the run ended in an error."""

    reason: str
    message: str
    example: str = ""


class Speed(StatusModel):
    """Of all steps together, without measuring and saving."""

    tokens_per_second: float
    trained_tokens_per_second: float | None = None
    """Tokens that bear loss only."""
    mfu_percent: float | None = None
    """Share of what the device can do at its best, where that is known."""


class TrainingReport(StatusModel):
    """How a run went, or goes."""

    namespace: str
    name: str
    model: str
    mark: str = ""
    """Of everything that determines the run's numbers; a report with another one is of another run."""
    outcome: Outcome
    updated_at: str
    failure: Failure | None = None
    step: int = 0
    steps: int = 0
    """How many are planned."""
    tokens: int = 0
    seconds: int = 0
    """Of all steps together."""
    speed: Speed | None = None
    best: Lowest | None = None
    published_step: int | None = None
    validation_loss: float | None = None
    """Of what was published, or else as last measured."""
    curves: tuple[Curve, ...] = ()
    restarts: tuple[Restart, ...] = ()
    rungs: tuple[Rung, ...] = ()
    memory: RunMemory | None = None
    parameters: dict[str, str] = {}
    """As they were resolved; what follows from memory and device is among them."""
    base_model: ArtifactRef
    dataset: ArtifactRef
    recipe: str
    """The digest that the model's card has too."""
    code_version: str
    artifact: ArtifactStatus | None = None


def folder(job: Train) -> str:
    """Return the key of the folder of the report of `job`; the run is called there as among the checkpoints."""
    run = job.checkpoint_uri.rstrip("/").rpartition("/")[2]
    return f"{job.store.prefix}/models/reports/{job.namespace}/{run}"
