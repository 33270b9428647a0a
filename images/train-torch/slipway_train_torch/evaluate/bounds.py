"""How sure is an improvement, when it was measured on few items?"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

RESAMPLES = 4000
MIN_GROUPS = 5
"""Fewer independent groups say too little: the bound is left out, and a gate on it has no data."""
MANY_GROUPS = 400
"""From here on resampling agrees with the normal approximation to more digits than anybody reads."""


@dataclass(frozen=True)
class Gain:
    """What one item says about candidate against reference: `amount` (positive is better) per `weight`."""

    group: str
    amount: float
    weight: float = 1.0


def improvement(gains: Iterable[Gain]) -> float:
    """Return total amount over total weight."""
    gains = tuple(gains)
    return sum(gain.amount for gain in gains) / sum(gain.weight for gain in gains)


def graded_bound(gains: Sequence[Gain], confidence_percent: float, seed: int) -> float | None:
    """Return the one-sided lower confidence bound of `improvement(gains)`, or None when there are too few groups.

    Studentised bootstrap over whole groups, for items of one group are alike (Efron & Tibshirani 1993, ch. 12.5; Hall
    1988 for why studentised: its one-sided error falls with 1/n, the percentile method's with 1/sqrt(n)).
    """
    sums: dict[str, tuple[float, float]] = {}
    for gain in gains:
        amount, weight = sums.get(gain.group, (0.0, 0.0))
        sums[gain.group] = (amount + gain.amount, weight + gain.weight)
    groups = [sums[name] for name in sorted(sums)]
    if len(groups) < MIN_GROUPS:
        return None
    centre, spread = _ratio(groups)
    if spread == 0.0:
        return centre
    if len(groups) >= MANY_GROUPS:
        return centre - NormalDist().inv_cdf(confidence_percent / 100) * spread
    draw = random.Random(seed)
    scores = sorted(_score(draw.choices(groups, k=len(groups)), centre) for _ in range(RESAMPLES))
    worst = scores[min(RESAMPLES - 1, math.ceil(RESAMPLES * confidence_percent / 100))]
    return centre - worst * spread if math.isfinite(worst) else None


def yes_no_bound(gains: Sequence[Gain], confidence_percent: float) -> float | None:
    """Return the one-sided lower confidence bound of the mean of `gains`, which are -1, 0 or 1 with weight 1 each.

    Items of one group are alike: together they are worth fewer witnesses than they are many, and Tango's interval is
    that of so many (Rao & Scott, Biometrics 48:577, 1992). None when there are too few groups.
    """
    if len({gain.group for gain in gains}) < MIN_GROUPS:
        return None
    items, share = len(gains), witnesses(gains) / len(gains)
    better, worse = sum(gain.amount > 0 for gain in gains), sum(gain.amount < 0 for gain in gains)
    return binary_bound(better * share, worse * share, items * share, confidence_percent)


def witnesses(gains: Sequence[Gain]) -> float:
    """Return how many independent items `gains` are worth: their number over the design effect.

    The design effect is the variance of their mean with groups drawn whole over that with items drawn alone. It is held
    between 1 (groups do not matter) and what it is where all items of a group say the same (Kish, Survey Sampling,
    1965), which is also taken where all gains are alike and show no variance.
    """
    sums: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for gain in gains:
        sums[gain.group] = sums.get(gain.group, 0.0) + gain.amount
        sizes[gain.group] = sizes.get(gain.group, 0) + 1
    items, groups = len(gains), len(sums)
    largest = sum(size * size for size in sizes.values()) / items
    if largest == 1.0 or groups < 2:
        return items / largest
    mean = sum(sums.values()) / items
    alone = sum((gain.amount - mean) ** 2 for gain in gains) / (items - 1)
    whole = sum((sums[name] - mean * sizes[name]) ** 2 for name in sums) * groups / (groups - 1) / items
    return items / (min(max(whole / alone, 1.0), largest) if alone else largest)


def binary_bound(better: float, worse: float, items: float, confidence_percent: float) -> float | None:
    """Return the one-sided lower confidence bound of (better - worse) / items, for paired yes-no outcomes.

    Score interval of Tango (Statistics in Medicine 17:891, 1998), which inverts a test and so stays honest for small
    numbers and for outcomes that are all alike, where a bootstrap sees no spread. None when there are no items.
    """
    if items == 0:
        return None
    needed = NormalDist().inv_cdf(confidence_percent / 100)
    low, high = -1.0, (better - worse) / items
    for _ in range(60):
        middle = (low + high) / 2
        if _tango(better, worse, items, middle) > needed:
            low = middle
        else:
            high = middle
    return low


def _ratio(groups: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the ratio of sums and its standard error by linearisation (Cochran, Sampling Techniques, 6.4)."""
    amounts, weights = sum(a for a, _ in groups), sum(w for _, w in groups)
    ratio, count = amounts / weights, len(groups)
    squares = sum((a - ratio * w) ** 2 for a, w in groups)
    # Differences that are nothing but rounding are no spread.
    if squares <= (1e-12 * (1.0 + abs(ratio)) * weights) ** 2:
        return ratio, 0.0
    return ratio, math.sqrt(count / (count - 1) * squares) / weights


def _score(groups: Sequence[tuple[float, float]], centre: float) -> float:
    ratio, spread = _ratio(groups)
    if spread == 0.0:
        return math.copysign(math.inf, ratio - centre) if ratio != centre else 0.0
    return (ratio - centre) / spread


def _tango(better: float, worse: float, items: float, delta: float) -> float:
    """Return the score statistic of the hypothesis that the true difference is `delta`."""
    a = 2 * items
    b = -better - worse + (2 * items - better + worse) * delta
    c = -worse * delta * (1 - delta)
    worse_share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = items * (2 * worse_share + delta * (1 - delta))
    above = better - worse - items * delta
    if variance <= 0.0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(variance)
