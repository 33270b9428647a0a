"""When does an A-B test end?

With a winner at any time, with harm at any time (away.verdict_failed), and at its deadline as the spec says.
"""

from __future__ import annotations

from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import goal
from slipway.rollout.rules.moves import proven, roll_back, seconds
from slipway.rollout.situation import Situation


def candidate_wins(s: Situation) -> Situation | None:
    """A candidate that is better at the goal, and passes everything else, gets all traffic."""
    candidate, status = s.at_target, s.status
    if candidate is None or not s.stepping or status.paused or not s.wants_this(candidate):
        return None
    won = goal.winner(s.spec, status)
    if won is None or not proven(s, status.step_started_at):
        return None
    event = Event(reasons.WON, f"{candidate.version} won the A-B test: {goal.said(won)}")
    return s.moved(event, step=len(s.steps), step_started_at=None)


def nobody_wins(s: Situation) -> Situation | None:
    """A test that ends without a winner leaves everything to stable, where the spec says so."""
    test, candidate, status = goal.test_of(s.spec), s.at_target, s.status
    if test is None or test.at_deadline != "Return" or candidate is None or not s.stepping or status.paused:
        return None
    if s.elapsed(status.step_started_at) < s.step.hold:
        return None
    words = f"neither version won the A-B test within {seconds(s.step.hold)}: {goal.so_far(s.spec, status)}"
    return roll_back(s, reasons.NO_WINNER, words)
