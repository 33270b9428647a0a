"""What follows from how an attempt at evaluating went?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Evaluated, Failed
from slipway.jobs import Run
from slipway.model.observe import attempt_of

TIMED_OUT: Final = "EvaluationTimedOut"
OUT_OF_MEMORY: Final = "OutOfMemory"
EVALUATION_FAILED: Final = "EvaluationFailed"

LAG: Final = timedelta(seconds=60)
"""How much later than its Job a pod's result may be seen: two watches, two clocks."""
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)
KILLED: Final = 137


@dataclass(frozen=True)
class Waiting:
    """It is on its way; `said` tells what holds it up, if anything does."""

    said: str = ""


@dataclass(frozen=True)
class Again:
    """It ended without a verdict, through no fault of the version: try again at a time."""

    at: datetime
    said: str


@dataclass(frozen=True)
class Hopeless:
    """It ended in a way that repeating does not change."""

    reason: str
    said: str


@dataclass(frozen=True)
class Done:
    """It reported figures."""

    result: Evaluated


def outcome(run: Run, now: datetime) -> Waiting | Again | Hopeless | Done:
    """Return what follows from `run`. Total."""
    for end in reversed(run.ends):
        if end.exit_code == ExitCode.OK and isinstance(end.result, Evaluated):
            return Done(end.result)
    match run.phase:
        case "Active":
            return Waiting(run.trouble or _last_fault(run))
        case "Complete":
            return _lost(run, now)
        case "Failed":
            return _fault(run)


def _lost(run: Run, now: datetime) -> Waiting | Again:
    ended = run.ended or now
    if now < ended + LAG:
        return Again(ended + LAG, f"Job {run.name} is complete, its result is not seen yet")
    return Again(now, f"the result of Job {run.name} is lost: its pod is gone")


def _fault(run: Run) -> Again | Hopeless:
    if run.reason == "DeadlineExceeded":
        return Hopeless(TIMED_OUT, f"the evaluation took too long ({run.message}); lower maxExamples in a new version.")
    end = run.last
    if end is None:
        return Hopeless(EVALUATION_FAILED, f"the evaluation failed without a word: {run.reason}: {run.message}.")
    if end.exit_code == ExitCode.STORE_UNREACHABLE:
        nth = attempt_of(run)[0]
        wait = min(FIRST_WAIT * 2 ** min(nth - 1, 10), LONGEST_WAIT)
        return Again((run.ended or end.ended or _EPOCH) + wait, _last_fault(run))
    if isinstance(end.result, Failed):
        return Hopeless(end.result.reason, _sentence(end.result))
    if end.exit_code == KILLED or end.reason == "OOMKilled":
        said = f"pod {end.pod} was killed ({end.reason or end.exit_code}), most often for memory; raise "
        return Hopeless(OUT_OF_MEMORY, said + "evaluation.resources.memory in a new version.")
    return Hopeless(EVALUATION_FAILED, f"pod {end.pod} ended with code {end.exit_code}: {end.last_words.rstrip('.')}.")


def _last_fault(run: Run) -> str:
    """Return what the last pod that ended complained about."""
    if run.last is None:
        return ""
    if isinstance(run.last.result, Failed):
        return f"{run.last.result.reason}: {run.last.result.message}"
    return f"pod {run.last.pod} ended with code {run.last.exit_code} and is started again"


def _sentence(failed: Failed) -> str:
    example = f" Example: {failed.example}." if failed.example else ""
    return f"{failed.message.rstrip('.')}.{example}"


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
