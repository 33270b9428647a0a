"""Can a metric ever have its samples, with the traffic that was seen?"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Literal, NamedTuple

from slipway.api.abtest import AbTest
from slipway.api.analysis import AnalysisMetric, MetricStatus
from slipway.api.conditions import moment
from slipway.api.rollout import RolloutStatus
from slipway.rollout.analysis import votes
from slipway.rollout.analysis.comparison import compares
from slipway.rollout.analysis.verdict import acting
from slipway.rollout.rollout import Rollout
from slipway.rollout.steps import step_at

LOOKS = 2
"""Measurements in a step before its traffic is believed to be what it is."""
Who = Literal["candidate", "stable"]
WORDS: dict[Who, str] = {"candidate": "the candidate", "stable": "stable, for comparison"}


class Time(NamedTuple):
    """How long the candidate stays where it is, once its metrics pass."""

    seconds: int
    """0: no longer than that."""
    of: str
    """What takes that time, as people call it."""
    field: str
    """Where the spec sets it."""


def sparse(rollout: Rollout, status: RolloutStatus) -> list[str]:
    """Return, for every metric that cannot have its samples at the present share, why and what to do.

    The rate is taken too high rather than too low: the window may reach back before the step.
    """
    analysis = rollout.spec.analysis
    if status.step_started_at is None:
        return []
    began, found = moment(status.step_started_at), {entry.metric: entry for entry in status.analysis}
    told = []
    for metric in acting(rollout, status):
        entry = found.get(metric.name)
        if entry is None or entry.outcome not in ("TooFewSamples", "NoData"):
            continue
        seen = min((moment(entry.at) - began).total_seconds(), analysis.window_seconds)
        if seen >= LOOKS * analysis.interval_seconds or seen >= analysis.window_seconds:
            time = _time(rollout, status)
            for who, samples in _sides(metric, entry, status):
                words = unreachable(metric, who, samples / seen, time, analysis.window_seconds)
                told += [words] if words else []
    return told


def _sides(metric: AnalysisMetric, entry: MetricStatus, status: RolloutStatus) -> Iterator[tuple[Who, int]]:
    """Yield whose requests the metric waits for, and how many there were in the window."""
    yield "candidate", entry.samples
    if compares(metric) is not None and status.percent < 100:  # what stable had before the bake does not change
        yield "stable", entry.stable_samples


def _time(rollout: Rollout, status: RolloutStatus) -> Time:
    if status.bake_started_at is not None:
        return Time(rollout.spec.bake_seconds, "the bake", "bakeSeconds")
    step = step_at(rollout.steps, status.step)
    seconds = int(step.hold.total_seconds())
    if isinstance(rollout.spec.strategy.chosen, AbTest):
        return Time(seconds, "the A-B test", "deadlineSeconds")
    return Time(seconds, "the step", "pause.seconds" if step.pause else "holdSeconds")


def unreachable(metric: AnalysisMetric, who: Who, per_second: float, time: Time, window: int) -> str:
    """Return why `metric` cannot have minSamples of `who` in `time` at so many requests; empty where it can.

    A measurement looks back `window` seconds, so more than what comes in that time is never seen at once. That alone
    is the limit where people end the step, or nothing but the samples is waited for.
    """
    rule = votes.rate(metric) or metric.latency
    if rule is None or per_second * min(time.seconds or window, window) >= rule.min_samples:
        return ""
    where = "on" if metric.feedback is not None else "to"
    have = f"{metric.name} needs {rule.min_samples} {votes.words(metric).many} {where} {WORDS[who]}"
    share = "larger" if who == "candidate" else "smaller"
    if per_second <= 0:
        send = (
            "send it traffic, or set its share higher" if who == "candidate" else f"give the candidate a {share} share"
        )
        return f"{have} and it gets none: {send}"
    takes = ceil(rule.min_samples / per_second)
    rate = f"at the {per_second:.3g} a second that come they take {takes} s"
    if takes > window:
        return (
            f"{have}; {rate}, and windowSeconds looks back {window} s, so they are never seen: set analysis."
            f"windowSeconds to {_rounded(takes)} or more, lower minSamples, or give the candidate a {share} share"
        )
    return (
        f"{have}; {rate}, longer than the {time.seconds} s of {time.of}, which is held until then: set {time.field} to "
        f"{_rounded(takes)} or more, or lower minSamples"
    )


def _rounded(seconds: int) -> int:
    """Return a fifth more, for traffic is not even, in whole tens."""
    return ceil(seconds * 1.2 / 10) * 10
