"""How long has a run been running, and how often was it started again?

A Job forgets its running time when it is suspended, and pods are deleted; so both are kept in status, and only grow.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from slipway.api.conditions import moment, timestamp
from slipway.api.trainingjob import EarlierRestarts, Restarts, TrainingJobStatus
from slipway.attempt import number
from slipway.contract.exitcodes import ExitCode
from slipway.jobs import Run


def ticked(status: TrainingJobStatus, run: Run | None, now: datetime) -> TrainingJobStatus:
    """Return `status` with running time and restarts as `run` shows them at `now`."""
    restarts = status.restarts or Restarts()
    earlier = status.earlier_restarts or EarlierRestarts(attempt=1)
    if run is not None and not run.suspended and number(run) == earlier.attempt:
        preempted, failed = _counted(run)
        restarts = Restarts(
            preempted=max(restarts.preempted, earlier.preempted + preempted),
            failed=max(restarts.failed, earlier.failed + failed),
        )
    update: dict[str, object] = {"restarts": restarts if restarts != Restarts() else None}
    runs = run is not None and run.phase == "Active" and run.running > 0
    if runs and status.running_since is None:
        update |= {"running_since": timestamp(now), "started_at": status.started_at or timestamp(now)}
    if not runs and status.running_since is not None:
        since = moment(status.running_since)
        passed = int((_stopped(run, since, now) - since).total_seconds())
        update |= {"running_since": None, "running_seconds": status.running_seconds + max(0, passed)}
    return status.model_copy(update=update)


def earlier_restarts(status: TrainingJobStatus, attempt: int) -> EarlierRestarts | None:
    """Return what `attempt` adds its own restarts to; None for the first."""
    if attempt == 1:
        return None
    restarts = status.restarts or Restarts()
    return EarlierRestarts(attempt=attempt, preempted=restarts.preempted, failed=restarts.failed)


def time_left(status: TrainingJobStatus, deadline_seconds: int, now: datetime) -> timedelta:
    """Return what is left of the deadline, all attempts together; zero or less when it has passed."""
    spent = timedelta(seconds=status.running_seconds)
    if status.running_since is not None:
        spent += now - moment(status.running_since)
    return timedelta(seconds=deadline_seconds) - spent


def _stopped(run: Run | None, since: datetime, now: datetime) -> datetime:
    """Return when the pod that ran since `since` stopped: it may have been long before an operator looked again."""
    ended = run.last.ended if run is not None and run.last is not None else None
    return ended if ended is not None and since <= ended <= now else now


def _counted(run: Run) -> tuple[int, int]:
    """Return how many ends were disruptions, and how many were failures."""
    ended = [end for end in run.ends if end.exit_code != ExitCode.OK]
    disrupted = sum(end.disrupted for end in ended)
    return disrupted, len(ended) - disrupted
