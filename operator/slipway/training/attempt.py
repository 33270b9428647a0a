"""What follows from how an attempt at training went?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Trained
from slipway.jobs import PodEnd, Run

DEADLINE: Final = "DeadlineExceeded"
OUT_OF_MEMORY: Final = "OutOfMemory"
STORE_UNREACHABLE: Final = "StoreUnreachable"
TRAINING_FAILED: Final = "TrainingFailed"

LAG: Final = timedelta(seconds=60)
"""How much later than its Job a pod's result may be seen: two watches, two clocks."""
KILLED: Final = 137


@dataclass(frozen=True)
class Going:
    """It is on its way, or about to be; `said` tells what holds it up, if anything does."""

    running: bool
    said: str = ""


@dataclass(frozen=True)
class Lost:
    """It ended well, but what it reported was never seen. It is tried again at a time, from its last checkpoint."""

    at: datetime


@dataclass(frozen=True)
class Hopeless:
    """It ended in a way that repeating does not change."""

    reason: str
    said: str


@dataclass(frozen=True)
class Done:
    """The artefact is published and verified."""

    result: Trained


def outcome(run: Run, now: datetime) -> Going | Lost | Hopeless | Done:
    """Return what follows from `run`. Total."""
    for end in reversed(run.ends):
        if end.exit_code == ExitCode.OK and isinstance(end.result, Trained):
            return Done(end.result)
    match run.phase:
        case "Active":
            return Going(run.running > 0, run.trouble or (_fault_of(run.last) if run.last and not run.running else ""))
        case "Complete":
            return Lost(max((run.ended or now) + LAG, now))
        case "Failed":
            return _hopeless(run)


def counted(run: Run) -> tuple[int, int]:
    """Return how many ends were disruptions, and how many were failures."""
    ended = [end for end in run.ends if end.exit_code != ExitCode.OK]
    disrupted = sum(end.disrupted for end in ended)
    return disrupted, len(ended) - disrupted


def _hopeless(run: Run) -> Hopeless:
    if run.reason == DEADLINE:
        return Hopeless(DEADLINE, "the run took longer than spec.deadlineSeconds")
    end = run.last
    if end is None:
        return Hopeless(TRAINING_FAILED, f"the run failed without a word: {run.reason}: {run.message}")
    if isinstance(end.result, Failed):
        example = f" Example: {end.result.example}" if end.result.example else ""
        return Hopeless(end.result.reason, f"{end.result.message.rstrip('.')}.{example}".rstrip("."))
    if end.exit_code == KILLED or end.reason == "OOMKilled":
        return Hopeless(
            OUT_OF_MEMORY,
            f"pod {end.pod} was killed ({end.reason or end.exit_code}), most often for memory; raise "
            "spec.resources.memory, or lower microBatchSize or maxTokens",
        )
    if end.exit_code == ExitCode.STORE_UNREACHABLE:
        return Hopeless(STORE_UNREACHABLE, f"the object store did not answer in {len(run.ends)} attempts")
    return Hopeless(TRAINING_FAILED, _fault_of(end))


def _fault_of(end: PodEnd) -> str:
    """Return what a pod that ended complained about."""
    if isinstance(end.result, Failed):
        return f"{end.result.reason}: {end.result.message.rstrip('.')}"
    if end.exit_code == ExitCode.PREEMPTED or end.disrupted:
        return f"pod {end.pod} was disrupted; the run goes on from its last checkpoint"
    words = f": {end.last_words.rstrip('.')}" if end.last_words else ""
    return f"pod {end.pod} ended with code {end.exit_code}{words}"
