"""Has a run waited too long, in its queue or for its pod?

Time in a queue, time until a pod runs and time of running are three things: each has a bound of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.api.trainingjob import TrainingJobSpec
from slipway.jobs import Run

QUEUE_DEADLINE: Final = "QueueDeadlineExceeded"
START_DEADLINE: Final = "StartDeadlineExceeded"


@dataclass(frozen=True)
class Wait:
    """A deadline that runs."""

    reason: str
    said: str
    """What to say when it has passed."""
    left: timedelta


def wait(run: Run, spec: TrainingJobSpec, now: datetime) -> Wait | None:
    """Return the deadline by which `run` must get further; None while none runs."""
    if run.running or run.phase != "Active":
        return None
    if run.suspended:
        limit, since = spec.queue_deadline_seconds if run.queue else None, run.suspended_since
        said = f"{run.title} waited longer than spec.queueDeadlineSeconds ({limit} s)"
        return _left(QUEUE_DEADLINE, said, limit, since, now)
    known = [at for at in (run.admitted, run.last.ended if run.last is not None else None) if at is not None]
    limit = spec.start_deadline_seconds
    said = f"no pod of {run.title} ran within spec.startDeadlineSeconds ({limit} s)"
    return _left(START_DEADLINE, said, limit, max(known) if run.admitted is not None else None, now)


def _left(reason: str, said: str, limit: int | None, since: datetime | None, now: datetime) -> Wait | None:
    if limit is None or since is None:
        return None
    return Wait(reason, said, since + timedelta(seconds=limit) - now)
