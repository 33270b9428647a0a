"""With what status does every plan of a TrainingJob come?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from slipway.api.conditions import SUCCEEDED, Progressing, Truth, condition, kstatus
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.plan import Plan
from slipway.training.objects import Training


def plan(
    training: Training,
    status: TrainingJobStatus,
    now: datetime,
    state: str,
    view: Progressing,
    *,
    succeeded: Truth = "Unknown",
    **rest: Any,
) -> Plan:
    """Return the plan, with what every status has: state, generation, conditions and message made in this one place."""
    before = training.status.conditions
    made = kstatus(before, view, training.generation, now)
    ended = condition(before, SUCCEEDED, succeeded, view.reason, view.message, training.generation, now)
    update = {
        "state": state,
        "observed_generation": training.generation,
        "conditions": [made[0], ended, *made[1:]],
        "message": view.message[:2048],
    }
    return Plan(status=dumped(status.model_copy(update=update)), progress=at_rest(status), **rest)


def at_rest(status: TrainingJobStatus) -> dict[str, Any] | None:
    """Return the progress of a run of which nothing runs, without the time left; None where it says no such time."""
    told = status.progress
    if told is None or told.eta_seconds is None or status.running_since is not None:
        return None
    return told.model_copy(update={"eta_seconds": None}).dump()


def dumped(status: TrainingJobStatus) -> dict[str, Any]:
    """Return the status without progress, which its own writer owns."""
    return status.model_copy(update={"progress": None}).dump()
