"""Is another attempt worth it, after one whose pods were started together and ended together?

A Job starts its only pod again by itself, `retries` times, and disruptions are free. Where a run has several pods,
nothing does: all of them are started again, by the same terms, as a new attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from slipway.attempt import Again, Hopeless, disruption
from slipway.contract.exitcodes import FINAL
from slipway.jobs import Run

FAILED_TOGETHER: Final = "StartingAgain"
FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=10)
"""As the Job controller's, between a pod and the next."""


def again(run: Run, fault: Hopeless, failed: int, retries: int, now: datetime) -> Again | Hopeless:
    """Return what follows from `fault`, the end of a run of several pods of which `failed` attempts have failed."""
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
