"""How sure is a preference, when few have expressed it? By exact sums of the binomial distribution."""

from __future__ import annotations

import math
from fractions import Fraction

BISECTIONS = 60


def sign_test(better: int, worse: int) -> float:
    """Return the chance of `better` or more of all preferences, if each were a throw of a fair coin (one-sided)."""
    decided = better + worse
    ways = sum(math.comb(decided, heads) for heads in range(better, decided + 1))
    return float(Fraction(ways, 2**decided))


def share_bound(better: int, worse: int, confidence_percent: int) -> float:
    """Return the exact one-sided lower confidence bound of the share of `better` among all preferences.

    Clopper and Pearson, Biometrika 26:404, 1934: the share at which so many, or more, are as rare as 1 - confidence.
    """
    decided = better + worse
    if better == 0:
        return 0.0
    rare = 1 - confidence_percent / 100
    low, high = 0.0, better / decided
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _at_least(better, decided, middle) < rare:
            low = middle
        else:
            high = middle
    return low


def _at_least(count: int, of: int, share: float) -> float:
    """Return the chance of `count` or more successes; at 500 trials its terms still fit into a float."""
    return math.fsum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
