"""Answer times of two versions, thrown into the buckets that Prometheus would count them in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf, log
from random import Random
from statistics import NormalDist

from bench.dice import Look, binomial
from slipway.api.analysis import Latency
from slipway.rollout.analysis.comparison import too_slow
from slipway.rollout.analysis.counted import Histogram
from slipway.rollout.analysis.sequential import Sample

BUCKETS = (91, 110, 140, 180, 220, 280, 350, 430, 540, 680, 850, 1100, 1300, 1700, 2100, 2600, 3200)
"""Milliseconds: images/serve-proxy/envoy.yaml, the part that matters here."""
TIMES = NormalDist(log(400), 0.5)
"""Logarithm of stable's milliseconds: a median of 400, a 95th percentile of 910."""
WINDOW = 12
"""Looks of which stable's quantile is known before the next one."""


def judged(
    dice: Random, looks: Sequence[Look], rule: Latency, factor: float, times: NormalDist = TIMES
) -> Iterator[tuple[Sample, Sample]]:
    """Yield, look by look, the candidate's and stable's new answers as `rule` weighs them.

    The candidate takes `factor` times as long as stable, whose `times` are logarithms of milliseconds.
    """
    theirs = chances(times)
    mine = chances(NormalDist(times.mean + log(factor), times.stdev))
    window = deque([thrown(dice, 200, theirs)], WINDOW)
    for look in looks:
        new = thrown(dice, look.mine, mine), thrown(dice, look.theirs, theirs)
        yield too_slow(together(window), *new, rule)
        window.append(new[1])


def chances(times: NormalDist) -> list[float]:
    """Return the chance of each finite bucket."""
    below = [0.0, *(times.cdf(log(bound)) for bound in BUCKETS)]
    return [high - low for low, high in pairwise(below)]


def thrown(dice: Random, requests: int, chances: Iterable[float]) -> Histogram:
    """Return how long so many requests took."""
    left, chance_left, below, found = requests, 1.0, 0, {inf: float(requests)}
    for bound, chance in zip(BUCKETS, chances, strict=True):
        here = binomial(dice, left, min(1.0, chance / chance_left)) if left and chance_left > 1e-12 else 0
        left, chance_left, below = left - here, chance_left - chance, below + here
        found[float(bound)] = float(below)
    return Histogram(found)


def together(several: Sequence[Histogram]) -> Histogram:
    """Return the requests of all; their buckets are the same."""
    counts = zip(*(one.cumulated.values() for one in several), strict=True)
    return Histogram(dict(zip(several[0].cumulated, map(sum, counts), strict=True)))
