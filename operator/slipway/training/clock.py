"""How long has a run been running?

A Job forgets its running time when it is suspended; so it is kept in status, and only grows.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from slipway.api.conditions import moment, timestamp
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.jobs import Run
from slipway.training.restarts import counted, paused


def ticked(status: TrainingJobStatus, run: Run | None, now: datetime, *, ours: bool) -> TrainingJobStatus:
    """Return `status` with running time and restarts as `run` shows them at `now`.

    `ours` says that it is the user who wants the run suspended: whoever else suspends its Job has preempted it.
    """
    if run is not None and status.running_since is not None:
        status = _interrupted(status, run, now, ours=ours)
    status = counted(status, run)
    update: dict[str, object] = {}
    if run is not None and run.admitted is not None:
        update["admitted_at"] = timestamp(run.admitted)
    runs = run is not None and run.phase == "Active" and run.running > 0 and not run.suspended
    if runs and status.running_since is None:
        update |= {"running_since": timestamp(now), "started_at": status.started_at or timestamp(now)}
    if not runs and status.running_since is not None:
        since = moment(status.running_since)
        passed = int((_stopped(run, since, now) - since).total_seconds())
        update |= {"running_since": None, "running_seconds": status.running_seconds + max(0, passed)}
    return status.model_copy(update=update)


def _interrupted(status: TrainingJobStatus, run: Run, now: datetime, *, ours: bool) -> TrainingJobStatus:
    """Return `status` of a run that was running when it was last seen, counted if its Job was stopped since."""
    if run.suspended:
        return paused(status, run, now, preempted=not ours, pods=run.members)
    admitted = timestamp(run.admitted) if run.admitted is not None else None
    if run.admitted is None or admitted == status.admitted_at or status.admitted_at is None:
        return status
    # Stopped and let go again while nobody looked: it ran at least as long as it told of its progress.
    assert status.running_since is not None
    since, told = moment(status.running_since), status.progress.updated_at if status.progress is not None else None
    ran = max(timedelta(), (moment(told) if told is not None else since) - since)
    update = {"running_seconds": status.running_seconds + int(ran.total_seconds()), "running_since": None}
    before = [pod for pod in run.members if pod.created is not None and pod.created < run.admitted]
    return paused(status.model_copy(update=update), run, run.admitted, preempted=True, pods=before)


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
