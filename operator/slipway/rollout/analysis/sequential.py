"""How strongly does what was seen speak against "no worse than allowed", however often one looks?

Two versions answer requests, each of which is bad (failed, slow) or not. Innocent means: the candidate's chance of a
bad request exceeds stable's by at most `allowed` (below 0: is less than stable's by so much or more). Between two looks
lies a batch. Before it is looked at, a bet is fixed: a guess of both chances. The batch multiplies the wealth by

    P(batch | guess) / P(batch | innocent),    innocent: the pair of chances nearest to the guess by relative entropy,
                                               weighted with the requests of both versions.

Under every innocent pair the expectation of that factor is at most 1: its logarithm is concave in the pair, since
every request's expected factor is linear in its chance, and at the nearest innocent pair, where it is 0, its slope
along every way that stays innocent is at most 0 (Turner, Ly, Grünwald, "Generic E-variables for exact sequential
k-sample tests", 2021; Turner, Grünwald, "Exact anytime-valid confidence intervals for contingency tables", 2022). The
product over all batches is then a test martingale, and the chance that it ever reaches 1/a is at most a (Ville).
Nothing is assumed about the number of looks, the shares of traffic, or that a rate stays what it was from one batch to
the next.

A bad request may count in part, between 0 and 1, with its expectation in place of its chance: b^z (1-b)^(1-z) is at
most the mixture z b + (1-z)(1-b), so evidence only gets smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isinf, log, log1p

MEMORY = 100
"""Requests that the quick guess remembers: who turns bad after an hour of good service is seen as quickly."""


@dataclass(frozen=True)
class Sample:
    """Requests of one version, and how many of them were bad."""

    requests: float = 0
    bad: float = 0

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.requests + other.requests, self.bad + other.bad)

    @property
    def percent(self) -> float:
        """Bad requests per hundred."""
        return 100.0 * self.bad / self.requests if self.requests else 0.0

    @property
    def guess(self) -> float:
        """The chance of a bad request, as Krichevsky and Trofimov estimate it; 0, no bet, for who was never seen."""
        return (self.bad + 0.5) / (self.requests + 1.0) if self.requests else 0.0


NOTHING = Sample()


@dataclass(frozen=True)
class Wealth:
    """What betting against innocence has made of 1, in two accounts of a half each, and what the next bet rests on."""

    steady: float = 0.0
    """Logarithm of the account that guesses from all requests so far: best against a small, lasting difference."""
    sudden: float = 0.0
    """Logarithm of the account that guesses from the newest ones: best against a sudden one."""
    candidate: Sample = NOTHING
    stable: Sample = NOTHING
    recent: Sample = NOTHING
    """The candidate's newest requests, at most `MEMORY`, older ones faded."""

    @property
    def log(self) -> float:
        """The logarithm of both accounts together. Their mean is an e-process since each of them is."""
        high, low = max(self.steady, self.sudden), min(self.steady, self.sudden)
        return high + log1p(exp(low - high)) - log(2.0)


def bet(wealth: Wealth, mine: Sample, theirs: Sample, allowed: float, together: int = 1) -> Wealth:
    """Return the wealth after a batch that nothing known before it, guesses included, has seen.

    `together` is how many requests may share one fate: evidence counts as if so many were one (`_tempered`).
    """
    stable = wealth.stable.guess
    return _after(
        wealth,
        mine,
        theirs,
        steady=_tempered(duel(mine, theirs, wealth.candidate.guess, stable, allowed), together),
        sudden=_tempered(duel(mine, theirs, wealth.recent.guess, stable, allowed), together),
    )


def bet_alone(wealth: Wealth, mine: Sample, bound: float, together: int = 1) -> Wealth:
    """Return the wealth after a batch of the candidate alone, innocent where its chance is at most `bound`."""
    return _after(
        wealth,
        mine,
        NOTHING,
        steady=_tempered(solo(mine, wealth.candidate.guess, bound), together),
        sudden=_tempered(solo(mine, wealth.recent.guess, bound), together),
    )


def duel(mine: Sample, theirs: Sample, candidate: float, stable: float, allowed: float) -> float:
    """Return the logarithm of a batch's factor; 0, no bet, where the guess itself is innocent or there is none."""
    if stable <= 0.0 or candidate <= max(0.0, stable + allowed) or not mine.requests or not theirs.requests:
        return 0.0
    innocent = nearest(mine.requests, theirs.requests, candidate, stable, allowed)
    return _gain(mine, candidate, innocent + allowed) + _gain(theirs, stable, innocent)


def solo(mine: Sample, candidate: float, bound: float) -> float:
    """Return the logarithm of a batch's factor against a chance of at most `bound`."""
    return _gain(mine, candidate, bound) if 0.0 < bound < candidate else 0.0


def nearest(mine: float, theirs: float, candidate: float, stable: float, allowed: float) -> float:
    """Return stable's chance in the innocent pair nearest to the guess; the candidate's is higher by `allowed`.

    The divergence is convex along that line, and its slope changes sign between the two guesses (regula falsi, with
    Illinois' halving; halves where the line leaves the chances that there are before it meets a guess).
    """

    def slope(chance: float) -> float:
        above = chance + allowed
        if above <= 0.0:
            return -inf
        if chance >= 1.0:
            return inf
        return theirs * (chance - stable) / (chance * (1 - chance)) - mine * (candidate - above) / (above * (1 - above))

    low, high = max(stable, -allowed), min(candidate - allowed, 1.0)
    at_low, at_high = slope(low), slope(high)
    side = 0
    for _ in range(60):
        steep = isinf(at_low) or isinf(at_high)
        between = (low + high) / 2 if steep else (low * at_high - high * at_low) / (at_high - at_low)
        value = slope(between)
        if abs(value) <= 1e-9 * (mine + theirs) or high - low <= 1e-13:
            return between
        if value > 0:
            high, at_high = between, value
            at_low = at_low / 2 if side == 1 else at_low
            side = 1
        else:
            low, at_low = between, value
            at_high = at_high / 2 if side == -1 else at_high
            side = -1
    return (low + high) / 2


def upper_limit(sample: Sample, chance: float) -> float:
    """Return what the true chance of a bad request exceeds with probability `chance` at most (Chernoff's bound)."""
    if not sample.requests:
        return 1.0
    share = sample.bad / sample.requests
    low, high = share, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if sample.requests * divergence(share, middle) <= log(1.0 / chance):
            low = middle
        else:
            high = middle
    return high


def divergence(seen: float, chance: float) -> float:
    """Return the relative entropy of two coins, in nats."""
    if chance >= 1.0:
        return 0.0 if seen >= 1.0 else inf
    return (seen * log(seen / chance) if seen else 0.0) + (
        (1 - seen) * log((1 - seen) / (1 - chance)) if seen < 1 else 0.0
    )


def _gain(sample: Sample, believed: float, innocent: float) -> float:
    good = sample.requests - sample.bad
    return sample.bad * log(believed / innocent) + good * log((1 - believed) / (1 - innocent))


def _tempered(gain: float, together: int) -> float:
    """Return the evidence of requests of which up to `together` share one fate.

    The root of a product of up to so many factors has at most the expectation that independent ones would have
    (Hölder): a user who meets one fault ten times is one witness.
    """
    return gain / together


def _after(wealth: Wealth, mine: Sample, theirs: Sample, steady: float, sudden: float) -> Wealth:
    recent = wealth.recent + mine
    kept = MEMORY / recent.requests if recent.requests > MEMORY else 1.0
    return Wealth(
        steady=wealth.steady + steady,
        sudden=wealth.sudden + sudden,
        candidate=wealth.candidate + mine,
        stable=wealth.stable + theirs,
        recent=Sample(round(recent.requests * kept), round(recent.bad * kept)),
    )
