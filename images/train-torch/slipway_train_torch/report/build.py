"""Which report does a run make?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway import __version__
from slipway.api.common import ArtifactStatus
from slipway.api.trainingjob_status import RunMemory
from slipway.contract.job import Train
from slipway.contract.result import Rung
from slipway.contract.training_report import Failure, Lowest, Outcome, Restart, Speed, TrainingReport
from slipway_pod.errors import PodError
from slipway_pod.visible import one_line
from slipway_train_torch.report.curves import curves

MESSAGE = 4_000


@dataclass(frozen=True)
class Facts:
    """Where a run is, and everything that it did so far."""

    mark: str
    step: int
    steps: int
    tokens: int
    seconds: float
    history: Sequence[Mapping[str, Any]]
    rungs: Sequence[Rung] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    best: Lowest | None = None
    published_step: int | None = None
    validation_loss: float | None = None
    artifact: ArtifactStatus | None = None
    memory: RunMemory | None = None


def begun(job: Train, outcome: Outcome, at: str) -> TrainingReport:
    """Return the report of a run that has not done anything yet."""
    return TrainingReport(
        namespace=job.namespace,
        name=job.name,
        model=job.model,
        outcome=outcome,
        updated_at=at,
        base_model=job.base_model,
        dataset=job.dataset,
        recipe=job.fingerprint(),
        code_version=__version__,
    )


def told(job: Train, facts: Facts, restarts: Sequence[Restart], outcome: Outcome, at: str) -> TrainingReport:
    """Return the report of a run that got as far as `facts` say."""
    loss = facts.validation_loss
    return begun(job, outcome, at).model_copy(
        update={
            "mark": facts.mark,
            "step": facts.step,
            "steps": facts.steps,
            "tokens": facts.tokens,
            "seconds": round(facts.seconds),
            "speed": speed(facts),
            "best": facts.best,
            "published_step": facts.published_step,
            "validation_loss": loss if loss is not None and math.isfinite(loss) else None,
            "curves": curves(facts.history),
            "restarts": tuple(restarts),
            "rungs": tuple(facts.rungs),
            "parameters": {name: one_line(value) for name, value in sorted(facts.parameters.items())},
            "artifact": facts.artifact,
            "memory": facts.memory,
        }
    )


def failed(report: TrainingReport, fault: PodError, at: str) -> TrainingReport:
    """Return `report` of a run that ended by `fault`."""
    why = Failure(reason=fault.reason, message=one_line(fault.message, MESSAGE), example=one_line(fault.example))
    return report.model_copy(update={"outcome": "Failed", "failure": why, "updated_at": at})


def speed(facts: Facts) -> Speed | None:
    """Return the speed over the whole run; None before its first step.

    Steps that an older version noted say less; what they leave out is averaged over the others.
    """
    if not facts.seconds:
        return None
    timed = [line for line in facts.history if line.get("seconds")]
    spent = sum(line["seconds"] for line in timed)
    trained = sum(line["trainedTokensPerSecond"] * line["seconds"] for line in timed)
    used = [(line["mfuPercent"], line["seconds"]) for line in timed if line.get("mfuPercent") is not None]
    return Speed(
        tokens_per_second=round(facts.tokens / facts.seconds, 1),
        trained_tokens_per_second=round(trained / spent, 1) if spent else None,
        mfu_percent=round(sum(m * s for m, s in used) / sum(s for _, s in used), 1) if used else None,
    )
