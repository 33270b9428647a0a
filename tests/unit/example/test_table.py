"""The table says how many of the same items each model passed, and how sure the difference is."""

from __future__ import annotations

from statistics import NormalDist

import pytest
from rich.console import Console

from e2e.example.results import Item
from e2e.example.table import Loss, Row, compared, loss, markdown, rows, shown

BOTH, BETTER, WORSE, NEITHER = (True, True), (True, False), (False, True), (False, False)


def test_items_are_counted_as_pairs() -> None:
    row = compared("Runs", [BOTH, BETTER, BETTER, BETTER, WORSE, NEITHER, NEITHER, NEITHER])
    assert (row.items, row.base, row.tuned, row.points) == (8, 2, 4, 25)
    assert row.low < row.points < row.high


def test_the_interval_is_that_of_the_gates_on_both_sides() -> None:
    up, down = compared("x", [BETTER] * 8), compared("x", [WORSE] * 8)
    assert (up.points, down.points) == (100, -100)
    assert up.high == pytest.approx(100)
    assert (up.low, up.high) == pytest.approx((-down.high, -down.low))
    # Where all of n are better, its lower bound has a closed form.
    square = NormalDist().inv_cdf(0.975) ** 2
    assert up.low == pytest.approx(100 * (8 - square) / (8 + square))


def test_more_items_say_more() -> None:
    few, many = compared("x", [BETTER, NEITHER] * 4), compared("x", [BETTER, NEITHER] * 20)
    assert few.points == many.points == 50
    assert many.high - many.low < few.high - few.low


def test_no_difference_is_not_sure_to_be_one() -> None:
    row = compared("x", [BOTH, NEITHER] * 8)
    assert (row.points, row.low < 0 < row.high) == (0, True)


def test_nothing_compared_is_an_error_that_names_the_layer() -> None:
    with pytest.raises(ValueError, match="layer Runs"):
        compared("Runs", [])


def test_each_layer_has_a_row_in_their_order() -> None:
    tuned, base = {"Compiles": True, "Runs": True}, {"Compiles": True, "Runs": False}
    found = rows(("Compiles", "Runs"), [(tuned, base)] * 3)
    assert [(row.layer, row.base, row.tuned) for row in found] == [("Compiles", 3, 3), ("Runs", 0, 3)]


def texts(*losses: tuple[float, float], weight: int = 10) -> list[Item]:
    """Return texts of so many nats a token, before and after."""
    sides = [[{"group": str(n), "amount": x * weight, "weight": weight} for x in pair] for n, pair in enumerate(losses)]
    return [Item(str(n), tuned, base) for n, (base, tuned) in enumerate(sides)]


def test_a_loss_is_of_all_tokens_and_its_interval_holds_on_both_sides() -> None:
    more, less = [(3.0, 3.2 + n / 100) for n in range(20)], [(3.2 + n / 100, 3.0) for n in range(20)]
    up, down = loss("general-loss", texts(*more)), loss("general-loss", texts(*less))
    assert (up.base, up.tuned) == pytest.approx((3.0, 3.295))
    assert 0.2 < up.low < 0.295 < up.high < 0.4
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))
    assert (up.better, down.better) == (False, True)


def test_long_texts_count_for_more() -> None:
    found = loss("general-loss", texts(*[(2.0, 2.0)] * 9) + texts((4.0, 4.0), weight=90))
    assert found.base == pytest.approx(3.0)


def test_too_few_texts_are_an_error_that_names_the_metric() -> None:
    with pytest.raises(ValueError, match="general-loss"):
        loss("general-loss", texts((3.0, 3.0), (3.0, 3.1)))


def test_people_read_counts_points_and_the_interval() -> None:
    found = [
        Row("Runs", 40, 3, 21, 28.4, 60.6),
        Row("AsAsked", 40, 2, 1, -12.2, 6.9),
        Loss("general-loss", 3.104, 3.251, 0.098, 0.201),
    ]
    assert markdown(found).splitlines() == [
        "|  | base | tuned | difference | 95 % interval |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| Runs | 3 of 40 | 21 of 40 | +45 points | +28 to +61 |",
        "| AsAsked | 2 of 40 | 1 of 40 | -2 points | -12 to +7 |",
        "| general-loss | 3.10 | 3.25 | +0.15 nats | +0.10 to +0.20 |",
    ]
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(shown(found, "blender-agent-1.0.0"))
    text = console.export_text()
    assert "+45 points" in text
    assert "-12 to +7" in text
