"""When does an A-B test end?

With a winner, or with nothing to be gained, at any time; with harm at any time (away.verdict_failed); and at its
deadline as the spec says.
"""

from __future__ import annotations

from slipway.api.analysis import MetricStatus
from slipway.api.conditions import timestamp
from slipway.api.rollout import held_since
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import goal
from slipway.rollout.rules.moves import onward, proven, roll_back, seconds
from slipway.rollout.situation import Situation


def time_begins(s: Situation) -> Situation | None:
    """The time of a test begins once, when the gateway confirmed its share; another strategy has no test."""
    candidate, testing = s.status.candidate, s.spec.strategy.ab_test is not None
    if candidate is None or testing == (candidate.test_since is not None):
        return None
    if testing and (s.at_target is None or not s.stepping):
        return None
    since = timestamp(s.now) if testing else None
    return s.moved(candidate=candidate.model_copy(update={"test_since": since}))


def candidate_wins(s: Situation) -> Situation | None:
    """A candidate that is better at the goal, and passes everything else, gets all traffic; at a gate people decide."""
    candidate, status = s.at_target, s.status
    if candidate is None or not s.stepping or s.step.gate or status.paused or not s.wants_this(candidate):
        return None
    won = goal.winner(s.spec, status)
    if won is None or not proven(s, status.step_started_at):
        return None
    event = Event(reasons.WON, f"{candidate.version} won the A-B test: {goal.said(won)}")
    return s.moved(event, step=len(s.steps), step_started_at=None)


def nobody_wins(s: Situation) -> Situation | None:
    """A test without a winner ends at its deadline, or once nothing is to be gained: as the spec says."""
    test, candidate = goal.test_of(s.spec), s.at_target
    if test is None or candidate is None or not s.stepping or s.step.gate or s.status.paused:
        return None
    even = goal.no_difference(s.spec, s.status)
    if even is None and s.elapsed(held_since(s.status)) < s.step.hold:
        return None
    if test.at_deadline == "Return":
        return _stable_stays(s, even)
    if even is None or not s.wants_this(candidate) or not proven(s, s.status.step_started_at):
        return None  # at the deadline it passes like any step
    event = Event(reasons.NO_DIFFERENCE, f"{_nothing_to_gain(s, even)}, which ends it (atDeadline: {test.at_deadline})")
    return s.moved(event, **onward(s))


def _stable_stays(s: Situation, even: MetricStatus | None) -> Situation | None:
    if even is not None:
        return roll_back(s, reasons.NO_DIFFERENCE, _nothing_to_gain(s, even))
    so_far = goal.so_far(s.spec, s.status)
    return roll_back(s, reasons.NO_WINNER, f"neither version won the A-B test within {seconds(s.step.hold)}: {so_far}")


def _nothing_to_gain(s: Situation, even: MetricStatus) -> str:
    test = goal.test_of(s.spec)
    assert test is not None
    assert test.smallest_gain_percent is not None
    assert s.status.candidate is not None
    least = f"{goal.points(test.smallest_gain_percent)}, the smallest gain worth a change"
    return f"{s.status.candidate.version} is not better at the A-B test's goal by {least}: {goal.said(even)}"
