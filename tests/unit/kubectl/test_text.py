"""Times, bars and cuts on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.kubectl.text import Screen, bar, cut, plain, span, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (3600, "1 h"), (3661, "1 h 1 min"),
        (86_400, "1 d"), (90_061, "1 d 1 h"),
    ],
)  # fmt: skip
def test_a_span_has_two_units_at_most(seconds: float, words: str) -> None:
    assert span(seconds) == words


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(2, 60))
def test_a_bar_is_full_or_empty_only_when_that_is_true(part: int, whole: int, columns: int) -> None:
    drawn = bar(part, whole, columns)
    assert len(drawn) == columns
    assert ("█" not in drawn) == (part == 0 and whole > 0)
    assert ("░" not in drawn) == (part >= whole)


def test_a_cut_counts_columns_not_escape_codes() -> None:
    painted = Screen(color=True).paint("abcdef", "red")
    assert cut(painted, 6) == painted
    assert cut(painted, 4) == "\x1b[31mabc…\x1b[0m"
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcdef", 0) == "abcdef"


def test_control_characters_of_others_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b[2Jb\nc\x9bd") == "a [2Jb c d"


def test_tables_line_up() -> None:
    assert table([("A", "BB", "C"), ("aaa", "b", "c")], right=frozenset({1})) == [
        ["A  ", "BB", "C"],
        ["aaa", " b", "c"],
    ]
