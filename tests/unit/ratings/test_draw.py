"""Is the sheet blind: by lot, balanced, and the same whoever the models are?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_pod.ratings.draw import Answered, draw, other, telling
from slipway_pod.ratings.page import sheet
from tests.unit.ratings.sheets import answered, couples

lots = st.text(max_size=20)


@settings(deadline=None)
@given(couples, lots)
def test_each_model_is_left_as_often_as_the_other(rows: list[Answered], lot: str) -> None:
    sides = Counter(pair.version for pair in draw(rows, lot).key.pairs)
    assert abs(sides["Left"] - sides["Right"]) == len(rows) % 2


@settings(deadline=None)
@given(couples, lots)
def test_the_key_uncovers_every_pair_and_the_same_lot_draws_the_same(rows: list[Answered], lot: str) -> None:
    rows = [replace(row, id=str(at), version=f"this {at}", reference=f"that {at}") for at, row in enumerate(rows)]
    drawn = draw(rows, lot)
    assert drawn == draw(rows, lot)
    assert sorted(pair.id for pair in drawn.key.pairs) == sorted(row.id for row in rows)
    for shown, pair in zip(drawn.shown, drawn.key.pairs, strict=True):
        left, right = f"this {pair.id}", f"that {pair.id}"
        assert (shown.left, shown.right) == ((left, right) if pair.version == "Left" else (right, left))


@settings(deadline=None)
@given(couples, lots)
def test_a_page_is_the_same_byte_for_byte_when_the_models_change_places(rows: list[Answered], lot: str) -> None:
    """Two keys, one page: whatever a rater finds in it, it cannot tell which of the two is true."""
    drawn = draw(rows, lot)
    swapped = [replace(row, version=row.reference, reference=row.version) for row in rows]
    mirrored = draw(swapped, lot)
    # The same lot puts the other model on each side, so exchange the sides that it drew as well.
    shown = tuple(replace(one, left=one.right, right=one.left) for one in mirrored.shown)
    assert sheet(shown, drawn.digest) == sheet(drawn.shown, drawn.digest)
    assert [other(pair.version) for pair in mirrored.key.pairs] == [other(pair.version) for pair in drawn.key.pairs]


def test_order_and_sides_are_drawn_anew_for_each_sheet() -> None:
    rows = [answered(number) for number in range(20)]
    keys = {draw(rows, f"lot {number}").key.pairs for number in range(50)}
    assert len(keys) == 50
    first = Counter(draw(rows, f"lot {number}").key.pairs[0] for number in range(400))
    assert len({pair.id for pair in first}) == 20, "any pair may come first"
    assert 140 < sum(count for pair, count in first.items() if pair.version == "Left") < 260


def test_another_lot_makes_another_sheet_though_it_should_look_the_same() -> None:
    rows = [answered(1)]
    digests = {draw(rows, f"lot {number}").digest for number in range(8)}
    assert len(digests) == 8, "a file of ratings fits one key only"


def test_nobody_is_asked_about_answers_that_look_alike() -> None:
    rows = [answered(1), answered(2, "same", "same\n\n"), answered(3, "a", "b")]
    assert [row.id for row in telling(rows)] == ["row-1", "row-3"]
