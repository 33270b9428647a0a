"""What follows from how an attempt at preparing went?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Prepared
from slipway.dataset.observe import attempt_of
from slipway.jobs import PodEnd, Run

TIMED_OUT: Final = "PreparationTimedOut"
OUT_OF_MEMORY: Final = "OutOfMemory"
PREPARATION_FAILED: Final = "PreparationFailed"
STORE_UNREACHABLE: Final = "StoreUnreachable"
RESULT_LOST: Final = "ResultLost"

LAG: Final = timedelta(seconds=60)
"""How much later than its Job a pod's result may be seen: two watches, two clocks."""
GRACE: Final = timedelta(seconds=20)
"""How long a pod may take to start before its trouble is told: images are pulled, nodes are added."""
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)
KILLED: Final = 137


@dataclass(frozen=True)
class Running:
    """It is on its way; `said` tells what holds it up, `look` when to look again, if anything does."""

    said: str = ""
    look: timedelta | None = None


@dataclass(frozen=True)
class Again:
    """It ended without a verdict, through no fault of the data: try again at a time."""

    at: datetime
    reason: str
    said: str


@dataclass(frozen=True)
class Hopeless:
    """It ended in a way that repeating does not change."""

    reason: str
    said: str
    failed: Failed | None = None


@dataclass(frozen=True)
class Done:
    """The data is published."""

    result: Prepared


def outcome(run: Run, now: datetime) -> Running | Again | Hopeless | Done:
    """Return what follows from `run`. Total."""
    for end in reversed(run.ends):
        if end.exit_code == ExitCode.OK and isinstance(end.result, Prepared):
            return Done(end.result)
    match run.phase:
        case "Active":
            return _running(run, now)
        case "Complete":
            seen_by = (run.ended or now) + LAG
            said = f"Job {run.name} is complete, but what it reported is not seen"
            return Again(max(seen_by, now), RESULT_LOST, said)
        case "Failed":
            return _fault(run)


def _running(run: Run, now: datetime) -> Running:
    if run.trouble:
        patience = (run.created or now) + GRACE - now
        return Running(run.trouble) if patience <= timedelta() else Running(look=patience)
    return Running("" if run.last is None else f"{_last_fault(run.last)}; trying again")


def _fault(run: Run) -> Again | Hopeless:
    if run.reason == "DeadlineExceeded":
        return Hopeless(TIMED_OUT, "preparing took longer than spec.deadlineSeconds; raise it, or split the data.")
    end = run.last
    if end is None:
        return Hopeless(PREPARATION_FAILED, f"preparing failed without a word: {run.reason}: {run.message}.")
    if end.exit_code == ExitCode.STORE_UNREACHABLE:
        wait = min(FIRST_WAIT * 2 ** min(attempt_of(run) - 1, 10), LONGEST_WAIT)
        return Again((run.ended or end.ended or _EPOCH) + wait, STORE_UNREACHABLE, _last_fault(end))
    if isinstance(end.result, Failed):
        example = f" Example: {end.result.example}." if end.result.example else ""
        return Hopeless(end.result.reason, f"{end.result.message.rstrip('.')}.{example}", end.result)
    if end.exit_code == KILLED or end.reason == "OOMKilled":
        said = f"pod {end.pod} was killed ({end.reason or end.exit_code}), most often for memory; "
        return Hopeless(OUT_OF_MEMORY, said + "raise spec.resources.memory.")
    return Hopeless(PREPARATION_FAILED, f"pod {end.pod} ended with code {end.exit_code}: {end.last_words.rstrip('.')}.")


def _last_fault(end: PodEnd) -> str:
    """Return what a pod that ended complained about."""
    if isinstance(end.result, Failed):
        return f"{end.result.reason}: {end.result.message.rstrip('.')}"
    return f"pod {end.pod} ended with code {end.exit_code}"


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
