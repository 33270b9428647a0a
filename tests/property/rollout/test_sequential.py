"""Is the evidence what it says: at most 1 in expectation for every innocent candidate, exactly, whatever the bet?"""

from __future__ import annotations

from math import comb, exp, log

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slipway.rollout.analysis.sequential import (
    NOTHING,
    Sample,
    Wealth,
    bet,
    bet_alone,
    divergence,
    duel,
    nearest,
    solo,
    upper_limit,
)

CHANCES = st.floats(0.001, 0.999)
SIZES = st.integers(1, 12)


def probability(bad: int, requests: int, chance: float) -> float:
    return comb(requests, bad) * chance**bad * (1 - chance) ** (requests - bad)


@settings(max_examples=150, deadline=None)
@given(SIZES, SIZES, CHANCES, CHANCES, st.floats(-0.3, 0.5), CHANCES, st.floats(0, 1))
def test_no_innocent_candidate_gains_by_a_batch(
    mine: int, theirs: int, candidate: float, stable: float, allowed: float, truth: float, excess: float
) -> None:
    """Summed over every outcome of a batch: for any guess, and any innocent truth, on the border or within."""
    assume(truth + allowed >= 0)
    worst = min(truth + allowed, 1.0)
    true_candidate = worst * (1 - excess)
    expectation = sum(
        probability(a, mine, true_candidate)
        * probability(b, theirs, truth)
        * exp(duel(Sample(mine, a), Sample(theirs, b), candidate, stable, allowed))
        for a in range(mine + 1)
        for b in range(theirs + 1)
    )
    assert expectation <= 1 + 1e-6


@settings(max_examples=100, deadline=None)
@given(SIZES, CHANCES, st.floats(1e-6, 1), st.floats(0, 1))
def test_no_innocent_candidate_gains_alone(requests: int, guess: float, bound: float, below: float) -> None:
    truth = bound * below
    expectation = sum(
        probability(bad, requests, truth) * exp(solo(Sample(requests, bad), guess, bound))
        for bad in range(requests + 1)
    )
    assert expectation <= 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 100_000), CHANCES, CHANCES, st.floats(-0.3, 0.3))
def test_the_nearest_innocent_pair_is_the_nearest(
    mine: int, theirs: int, candidate: float, stable: float, allowed: float
) -> None:
    if candidate <= stable + allowed + 1e-6:
        return
    found = nearest(mine, theirs, candidate, stable, allowed)

    def away(chance: float) -> float:
        return mine * divergence(candidate, chance + allowed) + theirs * divergence(stable, chance)

    low, high = max(stable, -allowed), min(candidate - allowed, 1.0)
    assert low <= found <= high
    for other in (found * 0.999, found * 1.001):
        if low < other < high:
            assert away(found) <= away(other) * (1 + 1e-7)


@given(SIZES, SIZES, CHANCES, CHANCES, st.floats(0.0, 1.0))
def test_a_request_that_counts_in_part_gives_no_more_than_its_expectation(
    mine: int, theirs: int, candidate: float, stable: float, share: float
) -> None:
    parts = exp(duel(Sample(mine, 0), Sample(theirs, share * theirs), candidate, stable, 0.0))
    if candidate <= stable:
        assert parts == 1
        return
    innocent = nearest(mine, theirs, candidate, stable, 0.0)
    good, bad = (1 - stable) / (1 - innocent), stable / innocent
    mixed = (share * bad + (1 - share) * good) ** theirs * ((1 - candidate) / (1 - innocent)) ** mine
    assert parts <= mixed * (1 + 1e-9)


def test_a_gain_that_cannot_be_is_not_innocent() -> None:
    """Where stable fails 1 % nobody is better by 2 points: innocent are only pairs whose stable fails 2 % or more."""
    found = nearest(500, 500, 0.01, 0.01, -0.02)
    assert 0.02 < found < 0.03
    wealth = Wealth()
    for _ in range(20):
        wealth = bet(wealth, Sample(100, 1), Sample(100, 1), -0.02)
    assert wealth.log > log(100)


def test_the_first_batch_teaches_and_the_second_bets() -> None:
    mine, theirs = Sample(10, 10), Sample(90, 1)
    first = bet(Wealth(), mine, theirs, 0.01)
    assert first.log == 0
    assert bet(first, mine, theirs, 0.01).log > log(1000)


def test_a_version_that_turns_bad_after_an_hour_is_seen_as_quickly() -> None:
    wealth = Wealth()
    for _ in range(720):
        wealth = bet(wealth, Sample(100, 1), Sample(900, 9), 0.01)
    assert wealth.log == pytest.approx(0, abs=0.8), "an hour of good service costs next to nothing"
    for _ in range(2):
        wealth = bet(wealth, Sample(100, 30), Sample(900, 9), 0.01)
    assert wealth.log > log(1000)


def test_users_of_ten_requests_are_a_tenth_of_the_witnesses() -> None:
    whole = bet(bet(Wealth(), Sample(50, 9), Sample(450, 9), 0.0), Sample(50, 9), Sample(450, 9), 0.0)
    users = bet(bet(Wealth(), Sample(50, 9), Sample(450, 9), 0.0, 10), Sample(50, 9), Sample(450, 9), 0.0, 10)
    assert users.steady == pytest.approx(whole.steady / 10)
    first = bet_alone(Wealth(), Sample(50, 9), 0.05, 10)
    assert first.log == 0
    assert bet_alone(first, Sample(50, 9), 0.05, 10).steady == pytest.approx(solo(Sample(50, 9), 9.5 / 51, 0.05) / 10)


@settings(max_examples=60)
@given(st.integers(1, 200), st.floats(0.001, 0.9), st.floats(0.001, 0.2))
def test_an_upper_limit_is_exceeded_no_more_often_than_it_says(requests: int, truth: float, chance: float) -> None:
    missed = sum(
        probability(bad, requests, truth)
        for bad in range(requests + 1)
        if upper_limit(Sample(requests, bad), chance) < truth
    )
    assert missed <= chance
    assert upper_limit(NOTHING, chance) == 1.0
