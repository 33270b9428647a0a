"""Is another attempt worth it, after one whose pods were started together and ended together?

A Job starts its only pod again by itself, `retries` times, and disruptions are free. Where a run has several pods,
nothing does: all of them are started again, by the same terms, as a new attempt. A Job that is made anew, because the
store stayed away or a result was lost, counts from the start: so failures before that are forgiven here too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.attempt import Again, Hopeless, disruption
from slipway.contract.exitcodes import FINAL
from slipway.jobs import Run

FAILED_TOGETHER: Final = "StartingAgain"
FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=10)
"""As the Job controller's, between a pod and the next."""


def failures(status: TrainingJobStatus) -> int:
    """Return how many attempts have failed, all together."""
    return status.restarts.failed if status.restarts is not None else 0


def charged(status: TrainingJobStatus) -> int:
    """Return how many of them `retries` counts."""
    return failures(status) - (status.forgiven_failures or 0)


def forgiving(found: Again, status: TrainingJobStatus) -> TrainingJobStatus:
    """Return `status` of a run that begins anew for the reason `found`."""
    if found.reason == FAILED_TOGETHER or not failures(status):
        return status
    return status.model_copy(update={"forgiven_failures": failures(status)})


def again(run: Run, fault: Hopeless, failed: int, retries: int, now: datetime) -> Again | Hopeless:
    """Return what follows from `fault`, the end of a run of several pods; `failed` is how many failures count."""
    end = run.last
    if end is None or end.exit_code in FINAL:
        return fault
    ended = run.ended or now
    if end.disrupted:
        return Again(ended + FIRST_PAUSE, FAILED_TOGETHER, disruption(end))
    if failed > retries:
        return fault
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(max(failed - 1, 0), 10), LONGEST_PAUSE)
    return Again(ended + pause, FAILED_TOGETHER, fault.said)
