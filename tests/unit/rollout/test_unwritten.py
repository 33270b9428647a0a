"""Are measurements that change nothing but numbers judged at once, and written down only now and then?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.api.conditions import moment
from slipway.plan import Facts
from tests.unit.rollout.world import Behaviour, World, canary

RULES = ({"maxPercent": "2", "minSamples": 20}, {"maxIncreasePercent": "2", "minSamples": 20})


def measured_each_second(rule: dict[str, Any] = RULES[0], hold: int = 600, **changes: Any) -> World:
    metric = {"name": "errors", "errorRate": rule} | changes
    analysis = {"intervalSeconds": 1, "windowSeconds": 20, "metrics": [metric]}
    return canary(50, strategy={"canary": {"steps": [{"percent": 50, "holdSeconds": hold}]}}, analysis=analysis)


@pytest.mark.parametrize("rule", RULES)
def test_numbers_alone_are_written_every_ten_seconds(rule: dict[str, Any]) -> None:
    world = measured_each_second(rule)
    world.run(30)
    writes, asked = world.writes, set[str]()
    for _ in range(100):
        world.tick()
        asked |= {ask.id for ask in world.asked}
        world.now += timedelta(seconds=1)
    assert len(asked) >= 45, "one tick asks, the next one answers"
    assert 9 <= world.writes - writes <= 11


def test_numbers_of_many_that_set_out_together_are_not_written_together() -> None:
    worlds = [measured_each_second() for _ in range(40)]
    for number, world in enumerate(worlds):
        world.root["metadata"]["uid"] = f"uid-{number}"
        world.run(30)
    together = []
    for _ in range(20):
        before = [world.writes for world in worlds]
        for world in worlds:
            world.tick()
            world.now += timedelta(seconds=1)
        together.append(sum(world.writes - was for world, was in zip(worlds, before, strict=True)))
    assert sum(together) >= 60, "each is written every ten seconds"
    assert max(together) <= 20


def test_nothing_is_decided_between_a_measurement_and_the_next_answer() -> None:
    world = measured_each_second()
    world.run(30)
    plan = world.tick()
    [ask] = plan.asks[-1:]
    assert ask.at == world.now + timedelta(seconds=1)
    assert plan.requeue_after is not None
    assert plan.requeue_after > timedelta(seconds=5), "the answer wakes it, or patience does"


@pytest.mark.parametrize("rule", RULES)
def test_a_failure_is_written_in_the_reconcile_that_learns_of_it(rule: dict[str, Any]) -> None:
    world = measured_each_second(rule)
    world.run(34)
    world.behaves["v2"] = Behaviour(failing_percent=100)
    world.run(4)
    assert world.status.last_rollback is not None
    assert world.routed()["v1"] == 100


def test_a_failure_that_is_forgiven_is_remembered() -> None:
    world = measured_each_second(failureLimit=2)
    world.run(34)
    world.behaves["v2"] = Behaviour(failing_percent=100)
    while world.status.analysis[0].failures < 2:
        world.tick()
        world.facts = Facts()  # the operator restarts after every look
        world.now += timedelta(seconds=1)
    assert world.status.candidate is not None


def test_an_answer_by_a_clock_that_was_set_back_counts_once() -> None:
    world = measured_each_second(failureLimit=5)
    world.run(34)
    world.facts = Facts()
    while not world.asked:
        world.now += timedelta(seconds=1)
        world.reconcile()
    world.behaves["v2"] = Behaviour(failing_percent=100)
    last = moment(world.status.analysis[0].at)
    world.facts = Facts({ask.id: replace(world._answer(ask.question), at=last) for ask in world.asked})
    world.reconcile()
    assert world.status.analysis[0].failures == 1
    # Written down, it is not the answer to the question that follows it either.
    for _ in range(3):
        world.reconcile()
        assert world.status.analysis[0].failures == 1
    world.scrape()
    world.reconcile()
    assert world.status.analysis[0].failures == 2


def test_an_edited_spec_lets_no_older_answer_pass() -> None:
    world = measured_each_second(hold=30)
    world.run(25)
    assert world.status.analysis[0].outcome == "Pass"
    world.edit(world.root["spec"] | {"bakeSeconds": 77})
    world.reconcile()
    assert world.status.analysis[0].outcome == "Cancelled"
    world.tick()
    world.now += timedelta(seconds=2)
    world.tick()
    world.tick()
    assert world.status.analysis[0].outcome == "Pass"


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(0, 60), max_size=12), st.sampled_from(RULES), st.booleans())
def test_a_restart_at_any_moment_changes_no_verdict(restarts: set[int], rule: dict[str, Any], bad: bool) -> None:
    """A world whose operator forgets all answers now and then ends where one ends that never does."""
    worlds = [measured_each_second(rule, hold=50) for _ in range(2)]
    for world in worlds:
        world.behaves["v2"] = Behaviour(failing_percent=60 if bad else 0)
    for second in range(120):
        for world in worlds:
            world.tick()
            world.now += timedelta(seconds=1)
        if second in restarts:
            worlds[1].facts = Facts()
    ends = [(w.status.stable and w.status.stable.version, w.status.last_rollback is not None) for w in worlds]
    assert ends[0] == ends[1]
