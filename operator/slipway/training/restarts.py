"""How often was a run started again?

Ends of pods are counted one by one. Pods are deleted, and nobody may be looking when they are; so status remembers
which of those that are there it has counted, and which ran: of one that is gone without a word it is known that it was
disrupted. What one attempt has counted, the next one adds to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.api.conditions import moment, timestamp
from slipway.api.trainingjob_status import ENDED, AttemptPods, EarlierRestarts, Restarts, TrainingJobStatus
from slipway.attempt import KILLED, number
from slipway.contract.exitcodes import ExitCode
from slipway.jobs import Member, PodEnd, Run
from slipway.jobsets import telling

REMEMBERED: Final = 128
"""Counted pods that are still there: those of two times of the largest run on several nodes."""


def counted(status: TrainingJobStatus, run: Run | None) -> TrainingJobStatus:
    """Return `status` with the restarts that `run` shows and that are not in it yet. Idempotent.

    A run that is suspended is not counted: what its pods end with is told by `paused`.
    """
    earlier = status.earlier_restarts or EarlierRestarts(attempt=1)
    if run is None or run.suspended or number(run) != earlier.attempt or status.state in ENDED:
        return status
    known, restarts = status.attempt_pods, status.restarts or Restarts()
    if known is None or known.attempt != earlier.attempt:
        # An attempt that begins; or one of an older version, which has counted what it saw and noted only how many.
        known, ends = AttemptPods(attempt=earlier.attempt), _fresh(run.ends, earlier)
        found = _Found([uid for end in run.ends for uid in end.uids], ends)
        restarts = _most(restarts, _sum(earlier, _tally(ends)))
    else:
        found = _since(known, run, earlier, restarts)
        restarts = _sum(restarts, _tally(found.ends))
    pods, forgotten = _remembered(run, known, found)
    update = {"restarts": restarts if restarts != Restarts() else None, "attempt_pods": pods}
    return _told_by_time(status.model_copy(update=update), run, forgotten)


def earlier_restarts(status: TrainingJobStatus, attempt: int) -> EarlierRestarts | None:
    """Return what `attempt` adds its own restarts to; None for the first that begins."""
    if status.earlier_restarts is not None and status.earlier_restarts.attempt == attempt:
        return status.earlier_restarts
    if attempt == 1:
        return None
    restarts = status.restarts or Restarts()
    return EarlierRestarts(attempt=attempt, preempted=restarts.preempted, failed=restarts.failed)


def paused(
    status: TrainingJobStatus, run: Run, since: datetime, *, preempted: bool, pods: Iterable[Member]
) -> TrainingJobStatus:
    """Return `status` of a run whose `pods` are stopped: what they end with is told by this, not by their ends.

    Only pods made from `since` on are counted one by one again.
    """
    restarts = status.restarts or Restarts()
    restarts = restarts.model_copy(update={"preempted": restarts.preempted + preempted})
    told = [pod.uid for pod in pods][-REMEMBERED:]
    return status.model_copy(
        update={
            "restarts": restarts,
            "earlier_restarts": _earlier(restarts, number(run), since),
            "attempt_pods": AttemptPods(attempt=number(run), counted=told),
        }
    )


@dataclass(frozen=True)
class _Found:
    """What is new about the pods of an attempt."""

    done: list[str]
    """Uids of pods that have ended, or are gone."""
    ends: list[PodEnd]
    """Their ends, one for each time that all pods of the run ended."""
    held: tuple[str, ...] = ()
    """Uids of pods that ran together, of which some have ended, and others may still tell why."""


def _since(known: AttemptPods, run: Run, earlier: EarlierRestarts, restarts: Restarts) -> _Found:
    """Return what is new about the pods of `run` since `known` and `restarts` were written."""
    together = [known.running] if run.kind == "JobSet" else [[uid] for uid in known.running]
    done, ends, held = list[str](), list[PodEnd](), list[str]()
    for mates in filter(None, together):
        here = [pod for pod in run.members if pod.uid in mates]
        left = sum(pod.open for pod in here)
        if left and (run.phase == "Active" or not any(pod.end is not None for pod in here)):
            held += mates if left < len(mates) else ()
            continue
        done += mates
        ends += _time(mates, here, run)
    others = {*known.counted, *known.running}
    for end in _fresh(run.ends, earlier):
        # Of pods that nobody has seen at all it is known only that the attempt has failed, which counts once.
        unseen = not end.uids and not known.running and restarts == _sum(earlier, Restarts())
        if unseen or (end.uids and not others.intersection(end.uids)):
            done += end.uids
            ends.append(end)
    return _Found(done, ends, tuple(held))


def _time(mates: Iterable[str], here: Iterable[Member], run: Run) -> list[PodEnd]:
    """Return the one end of pods that ran together, of which those `here` are still there; none if nobody knows it."""
    ends = [pod.end for pod in here if pod.end is not None]
    if any(end.exit_code != ExitCode.OK for end in ends):
        return [telling(ends)]
    whole = {*mates} <= {uid for end in ends for uid in end.uids}
    # Pods of a Job that is complete may go; those of one that is out of time are deleted by its controller.
    if whole or run.phase == "Complete" or run.overdue:
        return []
    return [PodEnd(run.name, KILLED, None, None, "", disrupted=True)]


def _remembered(run: Run, known: AttemptPods, found: _Found) -> tuple[AttemptPods, list[str]]:
    """Return what is to be known of the pods of `run` when they are seen again, and which counted ones are too many."""
    done = {*known.counted, *found.done}
    left = [pod for pod in run.members if pod.uid not in done]
    # Of pods that run together, one that has ended already belongs to those that have not.
    there = [pod.uid for pod in left if pod.open or run.kind == "JobSet"]
    running = [uid for uid in there if run.running or uid in known.running]
    counted = [pod.uid for pod in run.members if pod.uid in done]
    kept, running = counted[-REMEMBERED:], ([*found.held] or running)[-REMEMBERED:]
    return AttemptPods(attempt=number(run), counted=kept, running=running), counted[:-REMEMBERED]


def _told_by_time(status: TrainingJobStatus, run: Run, forgotten: Iterable[str]) -> TrainingJobStatus:
    """Return `status` in which no pod counts that was made before the newest of those that are `forgotten`."""
    gone = {*forgotten}
    made = max((pod.created for pod in run.members if pod.uid in gone and pod.created is not None), default=None)
    if made is None:
        return status
    earlier = _earlier(status.restarts or Restarts(), number(run), made + timedelta(seconds=1))
    return status.model_copy(update={"earlier_restarts": earlier})


def _fresh(ends: Iterable[PodEnd], earlier: EarlierRestarts) -> list[PodEnd]:
    """Return those of `ends` that are of pods made since the last pause."""
    since = moment(earlier.since) if earlier.since is not None else None
    return [end for end in ends if since is None or end.created is None or end.created >= since]


def _tally(ends: Iterable[PodEnd]) -> Restarts:
    """Return how many of `ends` were disruptions, and how many were failures."""
    bad = [end for end in ends if end.exit_code != ExitCode.OK]
    disrupted = sum(end.disrupted for end in bad)
    return Restarts(preempted=disrupted, failed=len(bad) - disrupted)


def _sum(one: Restarts, other: Restarts) -> Restarts:
    return Restarts(preempted=one.preempted + other.preempted, failed=one.failed + other.failed)


def _most(one: Restarts, other: Restarts) -> Restarts:
    return Restarts(preempted=max(one.preempted, other.preempted), failed=max(one.failed, other.failed))


def _earlier(restarts: Restarts, attempt: int, since: datetime) -> EarlierRestarts:
    return EarlierRestarts(
        attempt=attempt, preempted=restarts.preempted, failed=restarts.failed, since=timestamp(since)
    )
