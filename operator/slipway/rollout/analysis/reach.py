"""Can a metric ever have its samples, with the traffic that was seen?"""

from __future__ import annotations

from math import ceil

from slipway.api.analysis import AnalysisMetric
from slipway.api.conditions import moment
from slipway.api.rollout import RolloutStatus
from slipway.rollout.analysis import votes
from slipway.rollout.analysis.verdict import acting
from slipway.rollout.rollout import Rollout
from slipway.rollout.steps import step_at

LOOKS = 2
"""Measurements in a step before its traffic is believed to be what it is."""


def sparse(rollout: Rollout, status: RolloutStatus) -> list[str]:
    """Return, for every metric that cannot have its samples at the present share, why and what to do.

    The rate is taken too high rather than too low: the window may reach back before the step.
    """
    analysis = rollout.spec.analysis
    if status.step_started_at is None:
        return []
    began, found = moment(status.step_started_at), {entry.metric: entry for entry in status.analysis}
    baking = status.bake_started_at is not None
    hold = rollout.spec.bake_seconds if baking else int(_hold(rollout, status))
    told = []
    for metric in acting(rollout, status):
        entry = found.get(metric.name)
        if entry is None or entry.outcome not in ("TooFewSamples", "NoData"):
            continue
        seen = min((moment(entry.at) - began).total_seconds(), analysis.window_seconds)
        if seen >= LOOKS * analysis.interval_seconds or seen >= analysis.window_seconds:
            words = unreachable(metric, entry.samples / seen, hold, analysis.window_seconds)
            told += [words] if words else []
    return told


def unreachable(metric: AnalysisMetric, per_second: float, hold: int, window: int) -> str:
    """Return why `metric` cannot have minSamples in `hold` seconds at so many requests; empty where it can.

    A measurement looks back `window` seconds, so more than what comes in that time is never seen at once.
    """
    rule = votes.rate(metric) or metric.latency
    if rule is None or per_second * min(hold, window) >= rule.min_samples:
        return ""
    where = "on the candidate" if metric.feedback is not None else "to the candidate"
    have = f"{metric.name} needs {rule.min_samples} {votes.words(metric).many} {where}"
    if per_second <= 0:
        return f"{have} and it gets none: send it traffic, or set its share higher"
    takes = ceil(rule.min_samples / per_second)
    rate = f"at the {per_second:.3g} a second that come they take {takes} s"
    if takes > window:
        return (
            f"{have}; {rate}, and windowSeconds looks back {window} s, so they are never seen: set analysis."
            f"windowSeconds to {_rounded(takes)} or more, lower minSamples, or give the candidate a larger share"
        )
    return (
        f"{have}; {rate}, longer than the {hold} s of the step, which is held until then: set holdSeconds to "
        f"{_rounded(takes)} or more, or lower minSamples"
    )


def _hold(rollout: Rollout, status: RolloutStatus) -> float:
    return step_at(rollout.steps, status.step).hold.total_seconds()


def _rounded(seconds: int) -> int:
    """Return a fifth more, for traffic is not even, in whole tens."""
    return ceil(seconds * 1.2 / 10) * 10
