"""May a run that takes GPUs begin: is it known what it takes of them, and does it fit?

An estimate is a help. Whatever keeps it from being made holds a run up for a while, never for ever: it then begins
without, and its pod estimates again. Only what the run itself would end by ends it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from slipway.api.conditions import timestamp
from slipway.api.trainingjob_status import MemoryEstimate, TrainingJobStatus
from slipway.attempt import Again, Done, Going, Hopeless, Terms, number, outcome
from slipway.contract.exitcodes import FINAL, ExitCode
from slipway.contract.result import Estimated, Failed
from slipway.jobs import Run
from slipway.plan import Event, Manifest
from slipway.settings import Settings
from slipway.training.datasets import Inputs
from slipway.training.memory.objects import DEADLINE_SECONDS, asked, estimation, subject
from slipway.training.objects import Training

ESTIMATING: Final = "EstimatingMemory"
ESTIMATED: Final = "MemoryEstimated"
UNKNOWN: Final = "EstimateFailed"
TOO_SMALL: Final = "MemoryTooSmall"
TRIES: Final = 3
"""Attempts, each of which found no store; the run itself would wait for it longer, for it has something to lose."""
LONGEST: Final = timedelta(seconds=DEADLINE_SECONDS + 300)
"""Since its Job was made. A Job that somebody has suspended, or whose controller is away, has no clock of its own."""
NOT_OF_THE_RUN: Final = frozenset({"JobInvalid", "JobUnreadable"})
"""Reasons of an image that does not know what it is asked: an older one may train all the same."""
TERMS: Final = Terms(
    result=Estimated,
    doing="the estimate",
    failed=UNKNOWN,
    timed_out=UNKNOWN,
    more_time="the run's pod estimates again",
    more_memory="its pod has what Slipway gives it",
    more_storage="its pod has what Slipway gives it",
)
GIB: Final = 2**30


@dataclass(frozen=True)
class Known:
    """The run may begin, with this status."""

    status: TrainingJobStatus
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Refused:
    """The run would end without a step, for this reason."""

    status: TrainingJobStatus
    reason: str
    said: str


@dataclass(frozen=True)
class Waits:
    """The estimate is being made; `rest` is what its plan has beside its status."""

    reason: str
    said: str
    rest: dict[str, Any]


def look(
    training: Training,
    data: Inputs,
    run: Run | None,
    shared: Iterable[MemoryEstimate],
    now: datetime,
    settings: Settings,
    status: TrainingJobStatus,
) -> Known | Refused | Waits:
    """Return whether the run with the prepared `data` may begin. Total and idempotent.

    `run` is the newest Job that estimates, `shared` is what other trials of its search were estimated.
    """
    told = asked(training, data, settings)
    if told is None:
        return Known(status)
    digest = subject(told, settings)
    known = next((one for one in (status.estimate, *shared) if one is not None and one.digest == digest), None)
    if known is not None:
        return _judged(status, known)
    if run is None or run.name != _name(estimation(training, told, number(run), settings)):
        return _asking(estimation(training, told, 1, settings))
    following = estimation(training, told, number(run) + 1, settings)
    return _after(run, status, digest, following, now)


def _after(
    run: Run, status: TrainingJobStatus, digest: str, following: tuple[Manifest, Manifest], now: datetime
) -> Known | Refused | Waits:
    """Return what follows from `run`, after which `following` would be the next attempt."""
    left = (run.created or now) + LONGEST - now
    if left <= timedelta():
        return _without(status, digest, f"{run.title} has no answer after {LONGEST.total_seconds() / 60:.0f} minutes")
    match outcome(run, TERMS, now):
        case Done(result):
            return _judged(status, result.estimate.model_copy(update={"digest": digest}))
        case Hopeless(reason, said):
            return Refused(status, reason, said) if _of_the_run(run) else _without(status, digest, said)
        case Again(_, _, said) if number(run) >= TRIES:
            return _without(status, digest, said)
        case Again(at, reason, said):
            rest = {"keep": run.objects, "requeue_after": min(left, at - now)}
            later = f"{said}; the estimate is tried again at {timestamp(at)}"
            return Waits(reason, later, rest) if at > now else _asking(following)
        case Going(_, said, wait, reason):
            doing = f"{run.title} estimates the memory of the run, before a GPU is asked for"
            rest = {"keep": run.objects, "requeue_after": min(left, wait) if wait is not None else left}
            return Waits(reason or ESTIMATING, f"{doing}: {said}" if said else doing, rest)


def _name(objects: tuple[Manifest, Manifest]) -> str:
    return str(objects[-1]["metadata"]["name"])


def _asking(objects: tuple[Manifest, Manifest]) -> Waits:
    said = f"starting Job {_name(objects)}, which estimates the memory of the run before a GPU is asked for"
    return Waits(ESTIMATING, said, {"children": objects})


def _judged(status: TrainingJobStatus, estimate: MemoryEstimate) -> Known | Refused:
    """Return what follows from `estimate`."""
    found = status.model_copy(update={"estimate": estimate})
    if estimate.fits is False:
        return Refused(found, TOO_SMALL, estimate.message or "the run does not fit into resources.gpu.memory")
    if estimate == status.estimate:
        return Known(status)
    if estimate.memory is None:
        return Known(found, _warned(estimate))
    return Known(found, (Event(ESTIMATED, _words(estimate)),))


def _without(status: TrainingJobStatus, digest: str, why: str) -> Known:
    said = (
        f"what the run takes of its GPUs could not be estimated before it begins: {why.rstrip('. ')}. It begins all "
        "the same, and its pod estimates again"
    )
    estimate = MemoryEstimate(digest=digest, message=said[:2048])
    return Known(status.model_copy(update={"estimate": estimate}), _warned(estimate))


def _warned(estimate: MemoryEstimate) -> tuple[Event, ...]:
    return (Event(UNKNOWN, estimate.message or "", type="Warning"),)


def _of_the_run(run: Run) -> bool:
    """Tell whether what `run` ended by would end the training pod too: what it was told to read is bad, or missing."""
    end = run.last
    if end is None or not isinstance(end.result, Failed) or end.result.reason in NOT_OF_THE_RUN:
        return False
    return end.exit_code in FINAL and end.exit_code != ExitCode.OUT_OF_MEMORY


def _words(estimate: MemoryEstimate) -> str:
    assert estimate.memory is not None
    room = estimate.memory.available_bytes
    of = f" of {room / GIB:.1f}" if room is not None else ""
    said = f"the run takes about {estimate.memory.total_bytes / GIB:.1f}{of} GiB of each GPU"
    if estimate.layout is None:
        return said
    again = ", activations computed again" if estimate.layout.recompute else ""
    return f"{said}, with {estimate.layout.micro_batch_size} rows at a time{again}"
