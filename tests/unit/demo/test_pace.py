"""Slow answers make requests rarer, quick ones more frequent, and both have a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.demo.pace import Pace


@given(st.lists(st.floats(0, 120), max_size=50))
def test_the_interval_stays_within_its_limits(answers: list[float]) -> None:
    pace = Pace()
    for seconds in answers:
        pace.answered(seconds)
        assert pace.fastest <= pace.interval <= pace.slowest


def test_requests_are_rarer_while_nothing_is_released() -> None:
    pace = Pace(typical=2.0)
    busy = pace.interval
    pace.quiet = True
    assert pace.interval == pytest.approx(busy * 4)


@pytest.mark.parametrize(("seconds", "interval"), [(0.01, 0.35), (1.6, 1.0), (60.0, 10.0)])
def test_it_settles_on_what_the_answers_take(seconds: float, interval: float) -> None:
    pace = Pace()
    for _ in range(60):
        pace.answered(seconds)
    assert pace.interval == pytest.approx(interval, rel=0.01)
