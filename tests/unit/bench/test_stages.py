"""Is the time between a bad answer and the route split without a gap?"""

from __future__ import annotations

import pytest

from bench.stages import ANSWER, BETWEEN, DECIDE, EVENT, ORDER, QUEUE, ROUTE, STATUS, Note, Stages, path

NOTES: list[Note] = [
    ("ask", "x", 8.0, 8.1),  # a good one, before
    ("decide", "r", 8.1, 8.2),
    ("ask", "x", 9.995, 10.001),
    ("decide", "r", 10.002, 10.003),
    ("apply", "Rollout/status", 10.0035, 10.0065),
    ("apply", "HTTPRoute", 10.007, 10.010),
    ("apply", "Deployment", 10.010, 10.012),
]


def test_the_stages_are_the_whole() -> None:
    found = path(NOTES, bad=10.0, heard=10.012)
    assert found is not None
    wanted = {ANSWER: 1.0, QUEUE: 1.0, DECIDE: 1.0, STATUS: 3.0, ROUTE: 3.0, BETWEEN: 1.0, EVENT: 2.0}
    assert found == pytest.approx(wanted)
    assert sum(found.values()) == pytest.approx(12.0)
    assert tuple(found) == ORDER


def test_a_path_that_is_not_whole_counts_for_nothing() -> None:
    stages = Stages()
    assert not stages.add(NOTES[:5], 10.0, 10.012)
    assert stages.table().count("\n") == 1
    assert stages.add(NOTES, 10.0, 10.012)
    assert f"| {STATUS} | 3.0 | 3.0 |" in stages.table()
