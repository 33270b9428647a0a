"""What follows from how a Job of ours went?

An attempt is one Job. Its pods are started again by the Job itself, as the exit code contract says; a new attempt is
made only where no verdict was heard: the object store stayed away, or a result was never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from slipway.causes import with_cure
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import NODE_LOST, Counted, Estimated, Evaluated, Failed, Prepared, Trained
from slipway.jobs import EVICTED, OOM_KILLED, PodEnd, Run
from slipway.names import ATTEMPT_LABEL

OUT_OF_MEMORY: Final = "OutOfMemory"
STORAGE_EXCEEDED: Final = "StorageExceeded"
STORE_UNREACHABLE: Final = "StoreUnreachable"
RESULT_LOST: Final = "ResultLost"
IN_QUEUE: Final = "WaitingInQueue"
SUSPENDED_BY_OTHERS: Final = "SuspendedByOthers"
ENDING: Final = "Ending"

LAG: Final = timedelta(seconds=60)
"""How much later than its Job a pod's result may be seen: two watches, two clocks."""
GRACE: Final = timedelta(seconds=20)
"""How long a pod may take to start before its trouble is told: images are pulled, nodes are added."""
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)
KILLED: Final = 137

R = TypeVar("R", Prepared, Trained, Estimated, Evaluated, Counted)


@dataclass(frozen=True)
class Terms(Generic[R]):
    """What an attempt is for, and the words of its kind."""

    result: type[R]
    """What a pod reports when all went well."""
    doing: str
    """For example `preparing`."""
    failed: str
    """Reason of a failure without a word of its own."""
    timed_out: str
    """Reason of a failure by deadline."""
    more_time: str
    """What to do about the deadline."""
    more_memory: str
    """What to do about memory."""
    more_storage: str
    """What to do about scratch space."""


@dataclass(frozen=True)
class Going:
    """It is on its way; `said` tells what holds it up, `look` when to look again, if anything does."""

    running: bool
    said: str = ""
    look: timedelta | None = None
    reason: str = ""
    """What holds it up, in a word."""


@dataclass(frozen=True)
class Again:
    """It ended without a verdict, through no fault of the object: try again at a time."""

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
class Done(Generic[R]):
    """It reported what it made."""

    result: R


def number(run: Run) -> int:
    """Return the number of the attempt that `run` is, from 1."""
    written = run.labels.get(ATTEMPT_LABEL, "")
    return int(written) if written.isdecimal() else 1


def order(run: Run) -> tuple[int, str]:
    """Return the key by which attempts are ordered; names decide between equal numbers."""
    return number(run), run.name


def outcome(run: Run, terms: Terms[R], now: datetime, tries: int | None = None) -> Going | Again | Hopeless | Done[R]:
    """Return what follows from `run`. Total.

    `tries` is how often it was tried in vain, where that is not the number of the attempt.
    """
    for end in reversed(run.ends):
        if end.exit_code == ExitCode.OK and isinstance(end.result, terms.result):
            return Done(end.result)
    match run.phase:
        case "Active":
            return _going(run, now)
        case "Complete":
            said = f"{run.title} is complete, but what it reported is not seen"
            return Again(max((run.ended or now) + LAG, now), RESULT_LOST, said)
        case "Failed":
            return _fault(run, terms, number(run) if tries is None else tries)


def beginning(run: Run, now: datetime) -> datetime:
    """Return since when `run` waits for a pod, or for its turn."""
    known = (run.created, run.admitted, run.suspended_since, run.waiter.since if run.waiter is not None else None)
    return max((at for at in known if at is not None), default=now)


def _going(run: Run, now: datetime) -> Going:
    running = run.running > 0
    if run.suspended:
        return _suspended(run, running)
    if run.ending:
        said = f"pod {run.ending} has not ended yet, and the run goes on only then"
        return Going(False, f"{said}. {if_lost(run.ending, run.namespace)}", reason=ENDING)
    if run.trouble:
        patience = beginning(run, now) + GRACE - now
        if patience > timedelta():
            return Going(running, look=patience)
        reason, said = with_cure(run.trouble, run.trouble_reason)
        return Going(running, said, reason=reason)
    return Going(running, "" if run.last is None or running else f"{_complaint(run.last)}; trying again")


def if_lost(pod: str, namespace: str) -> str:
    """Return what to do about a pod that does not end because its node is gone: Kubernetes waits for ever."""
    return f"If its node is gone: kubectl delete pod {pod} -n {namespace} --force"


def _suspended(run: Run, running: bool) -> Going:
    if run.queue:
        return Going(running, run.trouble or f"waits in queue {run.queue}", reason=run.trouble_reason or IN_QUEUE)
    said = (
        "was suspended by somebody else. If that was Kueue, set queue in a new object; else let it go on: "
        f"kubectl patch {run.kind.lower()} {run.name} -n {run.namespace} --type merge -p "
    )
    return Going(running, said + """'{"spec":{"suspend":false}}'""", reason=SUSPENDED_BY_OTHERS)


def _fault(run: Run, terms: Terms[R], tries: int) -> Again | Hopeless:
    if run.reason == "DeadlineExceeded":
        return Hopeless(terms.timed_out, f"{terms.doing} took too long ({run.message}); {terms.more_time}")
    end = run.last
    if end is None:
        return Hopeless(terms.failed, f"{terms.doing} failed without a word: {run.reason}: {run.message}")
    if end.exit_code == ExitCode.STORE_UNREACHABLE:
        wait = min(FIRST_WAIT * 2 ** min(max(tries - 1, 0), 10), LONGEST_WAIT)
        reason = end.result.reason if isinstance(end.result, Failed) else STORE_UNREACHABLE
        return Again((run.ended or end.ended or _EPOCH) + wait, reason, _complaint(end))
    if isinstance(end.result, Failed):
        example = f". Example: {end.result.example}" if end.result.example else ""
        return Hopeless(end.result.reason, f"{end.result.message.rstrip('.')}{example}", end.result)
    return _killed(end, terms) or Hopeless(terms.failed, _complaint(end))


def _killed(end: PodEnd, terms: Terms[R]) -> Hopeless | None:
    """Return what follows where a pod was ended for what it used; None: it ended by itself."""
    if end.reason == EVICTED:
        return Hopeless(STORAGE_EXCEEDED, f"pod {end.pod} was evicted: {end.last_words}; {terms.more_storage}")
    if end.reason == OOM_KILLED:
        return Hopeless(OUT_OF_MEMORY, f"{_starved(end)}; {terms.more_memory}")
    if end.exit_code == KILLED:
        return Hopeless(OUT_OF_MEMORY, f"pod {end.pod} was killed, most often for memory; {terms.more_memory}")
    return None


def _starved(end: PodEnd) -> str:
    return f"pod {end.pod} was killed for memory ({OOM_KILLED})"


def _complaint(end: PodEnd) -> str:
    """Return what a pod that ended complained about."""
    if end.disrupted:
        return disruption(end)
    if isinstance(end.result, Failed):
        return f"{end.result.reason}: {end.result.message.rstrip('.')}"
    if end.reason == OOM_KILLED:  # the last lines of its log are of what it did, not of why it ended
        return _starved(end)
    words = f": {end.last_words.rstrip('.')}" if end.last_words else ""
    return f"pod {end.pod} ended with code {end.exit_code}{words}"


def disruption(end: PodEnd) -> str:
    """Return what is known of a disruption; where the pod that it met left no word, others tell what they missed."""
    if isinstance(end.result, Failed) and end.result.reason == NODE_LOST:
        return f"a disruption, which counts as no failure, as pod {end.pod} tells: {end.result.message.rstrip('.')}"
    who = f"pod {end.pod} was" if end.pod else "all pods were"
    return f"{who} disrupted, which counts as no failure"


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
