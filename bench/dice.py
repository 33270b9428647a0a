"""Whole rollouts as dice see them: requests by the batch, for simulations of the sequential tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log, log1p
from random import Random

from slipway.rollout.analysis.comparison import FROZEN_SHARE
from slipway.rollout.analysis.sequential import Sample, Wealth, bet, bet_alone, upper_limit


def binomial(dice: Random, requests: int, chance: float) -> int:
    """Return how many of `requests` are bad: exact, by jumping from one to the next."""
    if chance >= 1.0:
        return requests
    if chance <= 0.0:
        return 0
    scale, found, at = log1p(-chance), 0, -1
    while True:
        at += 1 + int(log(1.0 - dice.random()) / scale)
        if at >= requests:
            return found
        found += 1


@dataclass(frozen=True)
class Look:
    """One measurement: requests of both versions since the last one, and their true chances of being bad."""

    mine: int
    theirs: int
    candidate: float
    stable: float


Throw = Callable[[Random, int, float], int]


def ramp(looks: int, requests: int, candidate: float, stable: float) -> list[Look]:
    """Return a rollout that goes through 5, 10, 25 and 50 percent in four equal parts."""
    shares = (5, 10, 25, 50)
    found = []
    for look in range(looks):
        mine = requests * shares[look * len(shares) // looks] // 100
        found.append(Look(mine, requests - mine, candidate, stable))
    return found


def alarmed(
    dice: Random, looks: Iterable[Look], allowed: float, needed: float, throw: Throw = binomial, together: int = 1
) -> int | None:
    """Return after how many requests to the candidate the evidence reached `needed`; None if it never did."""
    return reached((thrown(dice, look, throw) for look in looks), allowed, needed, together)


def thrown(dice: Random, look: Look, throw: Throw = binomial) -> tuple[Sample, Sample]:
    """Return what the dice make of one look: the candidate's requests and stable's."""
    return (
        Sample(look.mine, throw(dice, look.mine, look.candidate)),
        Sample(look.theirs, throw(dice, look.theirs, look.stable)),
    )


def reached(batches: Iterable[tuple[Sample, Sample]], allowed: float, needed: float, together: int = 1) -> int | None:
    """Return after how many requests to the candidate the evidence of `batches` reached `needed`."""
    wealth, limit, used = Wealth(), log(needed), 0.0
    for mine, theirs in batches:
        wealth, used = bet(wealth, mine, theirs, allowed, together), used + mine.requests
        if wealth.log >= limit:
            return int(used)
    return None


def whole(
    dice: Random, looks: Sequence[Look], bake: Sequence[Look], window: int, allowed: float, chance: float
) -> bool:
    """Tell whether a rollout with its bake raises a false alarm, of which `chance` is the promised probability.

    In the bake the candidate is held against what stable's last `window` looks leave possible.
    """
    wealth, limit, last = Wealth(), -log(chance * (1 - FROZEN_SHARE)), Sample()
    for number, look in enumerate(looks):
        mine, theirs = thrown(dice, look)
        wealth = bet(wealth, mine, theirs, allowed)
        last = last + theirs if number >= len(looks) - window else last
        if wealth.log >= limit:
            return True
    highest = min(1.0, upper_limit(last, chance * FROZEN_SHARE) + allowed)
    for look in bake:
        wealth = bet_alone(wealth, Sample(look.mine, binomial(dice, look.mine, look.candidate)), highest)
        if wealth.log >= limit:
            return True
    return False


def in_bursts(size: int) -> Throw:
    """Return dice for users who send `size` requests in a row, all of which share one fate."""

    def throw(dice: Random, requests: int, chance: float) -> int:
        whole, rest = divmod(requests, size)
        return size * binomial(dice, whole, chance) + rest * binomial(dice, 1, chance)

    return throw


def returning(dice: Random, looks: int, users: int, requests: int, chance: float, share: int) -> list[Sample]:
    """Return one version's batches where each of its users sends `requests` in as many looks, all with one fate.

    `users` begin at each look, `share` percent of them with this version; they stay with it.
    """
    sent, bad = [0] * (looks + requests), [0] * (looks + requests)
    for look in range(looks):
        begin = users * share // 100
        failing = binomial(dice, begin, chance)
        for later in range(look, look + requests):
            sent[later] += begin
            bad[later] += failing
    return [Sample(sent[look], bad[look]) for look in range(looks)]


def merged(batches: Sequence[Sample], looks: int) -> list[Sample]:
    """Return what a longer interval sees: so many batches as one."""
    return [sum(batches[at : at + looks], Sample()) for at in range(0, len(batches), looks)]
