"""Has a run waited too long, in its queue or for its pod?

Time in a queue, time until a pod runs and time of running are three things: each has a bound of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.api.conditions import moment, timestamp
from slipway.api.trainingjob import TrainingJobSpec
from slipway.api.trainingjob_status import TrainingJobStatus
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


def stopped(before: TrainingJobStatus, status: TrainingJobStatus, now: datetime) -> TrainingJobStatus:
    """Return `status`, which follows `before`, with the time since which nothing of the run runs any more.

    Pods that were evicted are soon gone, and what would tell when they ended with them.
    """
    if status.running_since is not None:
        return status.model_copy(update={"stopped_at": None})
    return status.model_copy(update={"stopped_at": timestamp(now)}) if before.running_since is not None else status


def wait(run: Run, spec: TrainingJobSpec, status: TrainingJobStatus, now: datetime) -> Wait | None:
    """Return the deadline by which `run` must get further; None while none runs."""
    if run.running or run.ending or run.phase != "Active":
        return None
    if run.suspended:
        limit, since = spec.queue_deadline_seconds if run.queue else None, run.suspended_since
        said = f"{run.title} waited longer than spec.queueDeadlineSeconds ({limit} s)"
        return _left(QUEUE_DEADLINE, said, limit, since, now)
    limit = spec.start_deadline_seconds
    who = "no pod" if run.pods == "pod" else "not all pods"
    said = f"{who} of {run.title} ran within spec.startDeadlineSeconds ({limit} s)"
    return _left(START_DEADLINE, said, limit, _since(run, status) if run.admitted is not None else None, now)


def _since(run: Run, status: TrainingJobStatus) -> datetime | None:
    """Return since when `run`, which was admitted, waits for a pod: the last thing that happened to one."""
    rests = moment(status.stopped_at) if status.stopped_at is not None else None
    ended = run.last.ended if run.last is not None else None
    made = run.waiter.since if run.waiter is not None else None
    return max((at for at in (run.admitted, rests, ended, made) if at is not None), default=None)


def _left(reason: str, said: str, limit: int | None, since: datetime | None, now: datetime) -> Wait | None:
    if limit is None or since is None:
        return None
    return Wait(reason, said, since + timedelta(seconds=limit) - now)
