"""Do the benches' numbers mean what their names say?"""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Bucket, Spread, bucket_quantile, percentile, ratio, since, spread

SAMPLES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 99, 5.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([4.0, 3.0, 2.0, 1.0], 75, 3.0),
        (list(map(float, range(1, 101))), 99, 99.0),
        (list(map(float, range(1, 31))), 99, 30.0),
    ],
)
def test_percentile_is_a_measured_value(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


@given(SAMPLES, st.floats(min_value=1, max_value=100))
def test_at_least_the_percent_do_not_exceed_it(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values) - 1e-6


def test_no_figure_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no repetition gave a figure"):
        percentile([], 50)


def test_spread_keeps_its_size() -> None:
    assert spread([1.0, 2.0, 30.04]).json() == {"p50": 2.0, "p99": 30.0, "n": 3}
    assert Spread(1, 2, 3).n == 3


def test_quantile_of_a_histogram_is_the_bucket_that_it_lies_in() -> None:
    before = {0.1: 5.0, 1.0: 5.0, inf: 5.0}
    after = {0.1: 103.0, 1.0: 104.5, inf: 105.0}
    assert bucket_quantile(since(before, after), 98) == Bucket(0.0, 0.1)
    assert bucket_quantile(since(before, after), 99) == Bucket(0.1, 1.0)
    assert bucket_quantile(since(before, after), 100) == Bucket(1.0, inf)
    with pytest.raises(ValueError, match="empty"):
        bucket_quantile(since(after, after), 99)


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (10, 25, "2.5 times ahead"),
        (25, 10, "2.5 times behind"),
        (100, 101, "equal"),
        (0, 3, "ahead"),
        (2, 0, "behind"),
        (0, 0, "equal"),
    ],
)
def test_less_is_better(ours: float, theirs: float, words: str) -> None:
    assert ratio(ours, theirs) == words
