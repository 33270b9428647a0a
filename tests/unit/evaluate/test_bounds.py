"""Do the lower bounds keep their promise on small samples?"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from slipway_train_torch.evaluate import bounds
from slipway_train_torch.evaluate.bounds import Gain, binary_bound, graded_bound, improvement, witnesses, yes_no_bound


@pytest.mark.parametrize("items", [8, 16])
@pytest.mark.parametrize(
    ("draw", "true", "least"),
    [
        pytest.param(lambda r: r.gauss(0.2, 1), 0.2, 0.92, id="normal"),
        pytest.param(lambda r: r.expovariate(1), 1.0, 0.92, id="long tail up"),
        pytest.param(lambda r: -r.expovariate(1), -1.0, 0.88, id="long tail down"),
    ],
)
def test_a_graded_bound_lies_below_the_truth_as_often_as_it_says(
    items: int, draw: Callable[[random.Random], float], true: float, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "RESAMPLES", 500)
    source, times = random.Random(items), 300
    held = 0
    for time in range(times):
        weights = [source.uniform(0.5, 2) for _ in range(items)]
        gains = [Gain(str(at), draw(source) * weight, weight) for at, weight in enumerate(weights)]
        bound = graded_bound(gains, 95, time)
        held += bound is None or bound <= true
    assert held / times >= least, "0.95 is promised; 300 draws scatter by 0.013, and a long tail down costs some"


def test_rows_of_one_group_count_as_one_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "RESAMPLES", 500)
    source, times, held, naive = random.Random(3), 200, 0, 0
    for time in range(times):
        centres = [source.gauss(0, 1) for _ in range(10)]
        gains = [
            Gain(str(group), centre + source.gauss(0, 0.1)) for group, centre in enumerate(centres) for _ in range(6)
        ]
        alone = [Gain(str(at), gain.amount) for at, gain in enumerate(gains)]
        held += (graded_bound(gains, 95, time) or 0.0) <= 0.0
        naive += (graded_bound(alone, 95, time) or 0.0) <= 0.0
    assert held / times >= 0.90
    assert naive / times < 0.85, "treating them as independent would promise too much: the test would not see it"


@pytest.mark.parametrize("items", [8, 12, 24, 48])
@pytest.mark.parametrize("shares", [(0.3, 0.1), (0.1, 0.1), (0.7, 0.0), (0.05, 0.3)])
def test_a_binary_bound_lies_below_the_truth_as_often_as_it_says(items: int, shares: tuple[float, float]) -> None:
    source, times, held = random.Random(items), 2000, 0
    for _ in range(times):
        draws = [source.random() for _ in range(items)]
        better = sum(x < shares[0] for x in draws)
        worse = sum(shares[0] <= x < sum(shares) for x in draws)
        bound = binary_bound(better, worse, items, 95)
        held += bound is not None and bound <= shares[0] - shares[1]
    assert held / times >= 0.93


def grouped(source: random.Random, groups: int, shares: tuple[float, float], alike: float) -> list[Gain]:
    """Draw six items a group: each says with chance `alike` what its group says, else what it likes."""

    def said(x: float) -> float:
        return 1.0 if x < shares[0] else -1.0 if x < sum(shares) else 0.0

    found = []
    for group in range(groups):
        common = source.random()
        found += [Gain(str(group), said(common if source.random() < alike else source.random())) for _ in range(6)]
    return found


@pytest.mark.parametrize("groups", [6, 12])
@pytest.mark.parametrize("shares", [(0.3, 0.1), (0.1, 0.1), (0.7, 0.0), (0.05, 0.3)])
@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_a_binary_bound_over_groups_keeps_its_promise(groups: int, shares: tuple[float, float], alike: float) -> None:
    source, times, held = random.Random(groups), 400, 0
    for _ in range(times):
        bound = yes_no_bound(grouped(source, groups, shares, alike), 95)
        held += bound is not None and bound <= shares[0] - shares[1]
    assert held / times >= 0.87, "0.95 is promised; 400 draws scatter by 0.011, and few groups tell little of alikeness"


def test_answers_of_one_group_count_as_fewer_witnesses() -> None:
    source, times, naive = random.Random(3), 400, 0
    for _ in range(times):
        gains = grouped(source, 10, (0.3, 0.1), 1.0)
        better, worse = sum(gain.amount > 0 for gain in gains), sum(gain.amount < 0 for gain in gains)
        naive += (binary_bound(better, worse, len(gains), 95) or 0.0) <= 0.2
    assert naive / times < 0.85, "treating them as independent would promise too much: the test would not see it"


def test_what_groups_are_worth() -> None:
    assert witnesses([Gain(str(at), float(at % 2)) for at in range(12)]) == 12
    one = [Gain(str(group), float(group % 2)) for group in range(6) for _ in range(4)]
    assert witnesses(one) == pytest.approx(6), "whole groups agree: each is one witness"
    alike = [Gain(str(group), 1.0) for group in range(6) for _ in range(4)]
    assert witnesses(alike) == pytest.approx(6), "where all agree nothing shows that groups do not matter"
    mixed = [Gain(str(group), float(at % 2)) for group in range(6) for at in range(4)]
    assert witnesses(mixed) == 24, "groups differ in nothing: every item is a witness"
    assert witnesses([Gain("large", 1.0)] * 20 + [Gain(str(at), 1.0) for at in range(4)]) < 1.5


def test_alone_in_its_group_an_item_counts_as_before() -> None:
    gains = [Gain(str(at), float((at < 5) - (at > 9))) for at in range(12)]
    assert yes_no_bound(gains, 90) == binary_bound(5, 2, 12, 90)
    assert yes_no_bound(gains[:4], 90) is None, "too few groups"


def test_a_bound_by_hand() -> None:
    # Without discordant pairs Tango's statistic is (b - n d) / sqrt(n d (1 - d)) at b = 0: d = -z^2 / (n + z^2).
    z = 1.6448536269514722
    assert binary_bound(0, 0, 12, 95) == pytest.approx(-(z**2) / (12 + z**2), abs=1e-9)


@pytest.mark.parametrize("confidence", [50, 80, 90, 95, 99])
def test_more_confidence_never_raises_a_bound(confidence: int) -> None:
    source = random.Random(5)
    gains = [Gain(str(at), source.gauss(0.3, 1)) for at in range(20)]
    bound, sure = graded_bound(gains, confidence, 0), graded_bound(gains, 99, 0)
    assert sure is not None
    assert bound is not None
    assert sure <= bound
    assert (binary_bound(5, 2, 20, 99) or 0) <= (binary_bound(5, 2, 20, confidence) or 0)


def test_the_same_seed_gives_the_same_bound() -> None:
    gains = [Gain(str(at % 7), at * 0.1) for at in range(20)]
    assert graded_bound(gains, 95, 1) == graded_bound(list(reversed(gains)), 95, 1)


def test_equal_models_differ_by_exactly_nothing() -> None:
    gains = [Gain(str(at), 0.0, 100 + at) for at in range(10)]
    assert improvement(gains) == 0.0
    assert graded_bound(gains, 95, 0) == 0.0


def test_too_few_groups_give_no_bound() -> None:
    assert graded_bound([Gain(str(at % 4), float(at)) for at in range(100)], 95, 0) is None
    assert binary_bound(0, 0, 0, 95) is None


def test_many_groups_agree_with_resampling(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(7)
    gains = [Gain(str(at), source.gauss(0.1, 1)) for at in range(bounds.MANY_GROUPS)]
    normal = graded_bound(gains, 95, 0)
    monkeypatch.setattr(bounds, "MANY_GROUPS", 10**9)
    assert graded_bound(gains, 95, 0) == pytest.approx(normal, abs=0.01)


def test_the_same_model_twice_is_no_worse() -> None:
    same = [Gain(f"file-{n}", 0.0, 100.0 + n) for n in range(12)]
    assert graded_bound(same, 95, 1) == 0.0
    bound = binary_bound(0, 0, 8, 95)
    assert bound is not None
    assert -0.3 < bound < 0.0
