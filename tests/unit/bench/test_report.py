"""Does the published table say what was measured, and nothing else of the page change?"""

from __future__ import annotations

from math import inf

import pytest

from bench.figures import Bucket, Spread
from bench.report import Row, number, spliced, table

PAGE = "# Title\n\n<!-- one begins -->\nold\n<!-- one ends -->\n\nwords\n<!-- two begins -->\nkept\n<!-- two ends -->\n"


def test_a_row_compares_with_the_best_peer() -> None:
    rows = [
        Row("latency", Spread(10, 20, 30), [Spread(50, 80, 30), Spread(30, 40, 30)], "20 / 50"),
        Row("memory", 120.0, [None, 60.0]),
        Row("only ours", 3.0, [None, None], remark="said"),
    ]
    lines = table(["peer", "peer, fast"], rows).splitlines()
    assert lines[0] == "|  | Slipway | peer | peer, fast | Slipway is | Goal | Remark |"
    assert lines[2] == "| latency | 10 / 20 | 50 / 80 | 30 / 40 | 2.0 times ahead | 20 / 50 |  |"
    assert lines[3] == "| memory | 120 |  | 60 | 2.0 times behind |  |  |"
    assert lines[4] == "| only ours | 3 |  |  |  |  | said |"


def test_a_row_that_is_behind_at_one_quantile_says_so() -> None:
    row = Row("latency", Spread(574, 1019, 30), [Spread(506, 994, 30), Spread(500, 2000, 30)])
    assert table(["a", "b"], [row]).splitlines()[2].split(" | ")[4] == "1.1 times behind"
    assert "| behind |" in table(["a"], [Row("writes", 2.0, [0.0])])
    assert "| equal |" in table(["a"], [Row("writes", 0.0, [0.0])])


def test_buckets_are_shown_by_their_bounds_and_not_compared() -> None:
    row = Row("wait", Bucket(2.5, 5), [Bucket(1, 10), Bucket(10, inf)])
    assert table(["a", "b"], [row]).splitlines()[2] == "| wait | 2.5 to 5 | 1 to 10 | more than 10 |  |  |  |"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0343, "0.034"),
        (2.5, "2.5"),
        (2.0, "2"),
        (12.34, "12.3"),
        (243.4, "243"),
        (1.999, "2"),
    ],
)
def test_numbers_have_the_digits_that_they_deserve(value: float, text: str) -> None:
    assert number(value) == text


def test_only_the_marked_part_changes() -> None:
    after = spliced(PAGE, "one", "new\n")
    assert after == PAGE.replace("old", "new")
    assert spliced(after, "one", "old") == PAGE


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="three begins"):
        spliced(PAGE, "three", "x")
