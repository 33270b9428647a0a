"""Are the bounds exact, and do several raters count as one piece of evidence per pair?"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_pod.ratings.bounds import share_bound, sign_test
from slipway_pod.ratings.tally import agreement, preference, uncovered
from tests.unit.ratings.sheets import pairs, parsed

counts = st.integers(0, 60)
confidences = st.sampled_from([50, 80, 90, 95, 99])


def at_least(better: int, decided: int, share: Fraction) -> Fraction:
    return sum(
        (math.comb(decided, k) * share**k * (1 - share) ** (decided - k) for k in range(better, decided + 1)),
        Fraction(0),
    )


@settings(deadline=None)
@given(st.integers(1, 60), counts, confidences)
def test_the_bound_is_the_share_at_which_so_many_are_just_too_rare(better: int, worse: int, confidence: int) -> None:
    bound = Fraction(share_bound(better, worse, confidence))
    rare = 1 - Fraction(confidence, 100)
    step = Fraction(1, 10**9)
    assert at_least(better, better + worse, max(bound - step, Fraction(0))) < rare
    assert at_least(better, better + worse, bound + step) > rare


@settings(deadline=None)
@given(counts, counts, confidences)
def test_a_bound_above_one_half_is_a_significant_sign_test(better: int, worse: int, confidence: int) -> None:
    decided = better + worse
    chance = at_least(better, decided, Fraction(1, 2))
    assert sign_test(better, worse) == pytest.approx(float(chance), rel=1e-12)
    alpha = 1 - Fraction(confidence, 100)
    if chance != alpha:
        assert (share_bound(better, worse, confidence) > 0.5) == (chance < alpha)


@settings(deadline=None)
@given(counts, counts, confidences)
def test_more_wins_and_fewer_losses_never_lower_the_bound(better: int, worse: int, confidence: int) -> None:
    bound = share_bound(better, worse, confidence)
    assert 0.0 <= bound <= (better / (better + worse) if better else 0.0)
    assert share_bound(better + 1, worse, confidence) >= bound
    assert share_bound(better, worse + 1, confidence) <= bound


def test_known_values() -> None:
    # R: binom.test(5, 5, alternative = "greater") and binom.test(15, 20, alternative = "greater")
    assert share_bound(5, 0, 95) == pytest.approx(0.5492803, abs=1e-7)
    assert share_bound(15, 5, 95) == pytest.approx(0.5444176, abs=1e-7)
    assert sign_test(15, 5) == pytest.approx(0.02069473, abs=1e-8)
    assert sign_test(0, 0) == 1.0
    assert share_bound(500, 0, 95) == pytest.approx(0.05 ** (1 / 500), abs=1e-9)
    assert 0.4 < share_bound(250, 250, 95) < 0.5


def test_choices_are_uncovered_by_side() -> None:
    rated = uncovered(pairs(["Left", "Right", "Left", "Right"]), [parsed("Mia", {1: "Left", 2: "Left", 4: "Right"})])
    assert [(pair.item, pair.outcome) for pair in rated] == [(1, "Better"), (2, "Worse"), (4, "Better")]


@pytest.mark.parametrize(
    ("choices", "outcome"),
    [
        (["Left"], "Better"),
        (["Left", "Left", "Right"], "Better"),
        (["Left", "Right"], "Undecided"),
        (["Left", "Tie"], "Undecided"),
        (["Left", "Tie", "BothBad"], "Undecided"),
        (["Right", "Right", "Tie"], "Worse"),
        (["BothBad", "BothBad", "Left"], "Undecided"),
    ],
)
def test_more_than_half_of_a_pairs_raters_decide(choices: list[str], outcome: str) -> None:
    files = [parsed(f"rater {at}", {1: choice}) for at, choice in enumerate(choices)]
    (pair,) = uncovered(pairs(["Left"]), files)
    assert pair.outcome == outcome
    assert pair.both_bad == (choices.count("BothBad") * 2 > len(choices))


def test_a_pair_counts_once_however_many_rate_it() -> None:
    one = preference(uncovered(pairs(["Left"] * 6), [parsed("a", dict.fromkeys(range(1, 7), "Left"))]))
    crowd = [parsed(f"r{at}", dict.fromkeys(range(1, 7), "Left")) for at in range(9)]
    many = preference(uncovered(pairs(["Left"] * 6), crowd))
    assert (one.better, one.worse, one.p_value) == (many.better, many.worse, many.p_value) == (6, 0, "0.015625")


def test_agreement_is_krippendorffs() -> None:
    # Values by hand: coincidences Version-Version 2, Reference-Reference 2, one pair split.
    files = [parsed("a", {1: "Left", 2: "Right", 3: "Left"}), parsed("b", {1: "Left", 2: "Right", 3: "Right"})]
    found = agreement(uncovered(pairs(["Left"] * 3), files))
    assert found is not None
    assert found.percent == 67
    # n = 6, each value 3 times: 1 - 5 * 2 / (36 - 18)
    assert float(found.alpha or "nan") == pytest.approx(1 - 10 / 18, abs=1e-6)


def test_agreement_needs_two_raters_and_two_values() -> None:
    alone = uncovered(pairs(["Left"] * 2), [parsed("a", {1: "Left"}), parsed("b", {2: "Left"})])
    assert agreement(alone) is None
    same = uncovered(pairs(["Left"] * 2), [parsed("a", {1: "Tie"}), parsed("b", {1: "BothBad"})])
    found = agreement(same)
    assert found is not None
    assert (found.percent, found.alpha) == (100, None), "either way neither answer is better"
