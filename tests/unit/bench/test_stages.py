"""Is the time between a bad answer and the route split without a gap?"""

from __future__ import annotations

import pytest

from bench.stages import ANSWER, BETWEEN, DECIDE, EVENT, ORDER, QUEUE, ROUTE, Note, Stages, path, split

NOTES: list[Note] = [
    ("ask", "x", 8.0, 8.1),  # a good one, before
    ("decide", "r", 8.1, 8.2),
    ("ask", "x", 9.995, 10.001),
    ("decide", "r", 10.002, 10.003),
    ("apply", "HTTPRoute", 10.004, 10.007),
    ("apply", "Rollout/status", 10.007, 10.010),
]


def test_the_stages_are_the_whole() -> None:
    steps = path(NOTES, bad=10.0, heard=10.009)
    assert steps is not None
    found = split(steps, bad=10.0, heard=10.009)
    wanted = {ANSWER: 1.0, QUEUE: 1.0, DECIDE: 1.0, ROUTE: 3.0, BETWEEN: 1.0, EVENT: 2.0}
    assert found == pytest.approx(wanted)
    assert sum(found.values()) == pytest.approx(9.0)
    assert tuple(found) == ORDER


def test_a_path_that_is_not_whole_counts_for_nothing() -> None:
    stages = Stages()
    assert not stages.add(NOTES[:4], 10.0, 10.009)
    assert stages.table().count("\n") == 1
    assert stages.add(NOTES, 10.0, 10.009)
    assert f"| {ROUTE} | 3.0 | 3.0 |" in stages.table()


def test_what_follows_a_decision_begins_at_its_end_and_ends_with_the_route() -> None:
    stages = Stages()
    for heard in (10.009, 10.006):  # the event may overtake the answer to the apply
        stages.add(NOTES, 10.0, heard)
    assert stages.from_decision == pytest.approx([6.0, 3.0])
