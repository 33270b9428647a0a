"""How surprising are so many failures, if the version were just good enough?"""

from __future__ import annotations

from math import exp, lgamma, log, log1p

NEGLIGIBLE = 1e-12


def tail(failures: int, requests: int, rate: float) -> float:
    """Return P(X >= failures) for X ~ Binomial(requests, rate), exact but for terms below 1e-12 of the sum.

    Below the expected count the answer is rounded up to 1: nobody acts on a tail that is not small.
    """
    if failures <= requests * rate:
        return 1.0
    if rate <= 0.0:
        return 0.0
    chance = exp(
        lgamma(requests + 1)
        - lgamma(failures + 1)
        - lgamma(requests - failures + 1)
        + failures * log(rate)
        + (requests - failures) * log1p(-rate)
    )
    total, count = chance, failures
    while count < requests:
        # Above the mean every term is smaller than the one before.
        chance *= (requests - count) / (count + 1) * rate / (1.0 - rate)
        total += chance
        count += 1
        if chance <= NEGLIGIBLE * total:
            break
    return min(total, 1.0)
