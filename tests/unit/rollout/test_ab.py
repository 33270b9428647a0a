"""Does an A-B test end by evidence, and only by as much of it as was asked for?"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from slipway.api.analysis import EvidenceStatus, StepEvidence
from slipway.api.rollout import RolloutSpec
from slipway.rollout.analysis import goal
from slipway.rollout.analysis.sequential import Sample, Wealth, bet
from tests.unit.rollout.world import Behaviour, World, rollout_spec, serving, waiting

SECOND = timedelta(seconds=1)
TRAFFIC = rollout_spec("v1")["traffic"]
METRIC = {"name": "errors", "errorRate": {"maxIncreasePercent": "2", "minSamples": 20}}
MOMENT = "2026-11-20T03:00:00Z"
GROUP = [{"name": "x-group", "value": "b"}]


def abtest(analysis: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    chosen = {"percent": 50, "goal": "errors", "deadlineSeconds": 300} | changes
    return {
        "traffic": TRAFFIC if "headers" in changes else {**TRAFFIC, "sticky": {}},
        "strategy": {"abTest": {name: value for name, value in chosen.items() if value is not None}},
        "analysis": analysis
        or {
            "intervalSeconds": 10,
            "windowSeconds": 60,
            "metrics": [METRIC],
            "noData": {"afterSeconds": 60},
        },
    }


def competing(stable: float, candidate: float, **changes: Any) -> World:
    """Return a world in which v2 competes with v1, with the percent of requests that each fails."""
    world = serving(**abtest(**changes))
    world.behaves |= {"v1": Behaviour(failing_percent=stable), "v2": Behaviour(failing_percent=candidate)}
    world.want("v2")
    while world.status.step_started_at is None:
        world.now += SECOND
        world.tick()
    return world


def follow(world: World, seconds: int) -> None:
    """Let time pass until v2 has everything, has nothing, or the time is over."""
    for _ in range(seconds // 5):
        world.tick()
        if world.status.percent not in (0, 50) or world.status.candidate is None:
            return
        world.now += timedelta(seconds=5)


def test_a_better_candidate_wins_before_the_deadline_and_is_baked() -> None:
    world = competing(stable=8.0, candidate=1.0)
    assert world.answers(x_slipway_bucket="49") == "v2"
    assert world.answers(x_slipway_bucket="50") == "v1"
    follow(world, 290)
    assert world.routed() == {"v1": 0, "v2": 100}
    [won] = [event for event in world.events if event.reason == "CandidateWon"]
    assert "v2 won the A-B test" in won.message
    assert "8.0" in won.message, "both versions' figures are told"
    world.until("Baking")
    world.until("Healthy")


def test_a_worse_candidate_goes_back_before_the_deadline() -> None:
    world = competing(stable=1.0, candidate=20.0)
    follow(world, 290)
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "MetricFailed"


def test_equals_end_at_the_deadline_with_stable() -> None:
    world = competing(stable=2.0, candidate=2.0)
    began = world.now
    follow(world, 450)
    assert world.now - began >= timedelta(seconds=300)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "NoWinner"
    assert "neither version won" in world.status.last_rollback.message
    world.run(30)
    assert world.state == "Degraded", "the spec still names v2, which is not tried again by itself"
    assert world.routed() == {"v1": 100}


def test_equals_end_long_before_the_deadline_where_a_smallest_gain_is_named() -> None:
    world = competing(stable=2.0, candidate=2.0, deadlineSeconds=86_400, smallestGainPercent="5")
    follow(world, 3600)
    assert world.routed() == {"v1": 100, "v2": 0}
    back = world.status.last_rollback
    assert back is not None
    assert back.reason == "NoDifference"
    assert (
        "v2 is not better at the A-B test's goal by 5 points, the smallest gain worth a change: errors: "
        in back.message
    )
    assert "that it is not better by 5 points: " in back.message
    world.run(30)
    assert world.state == "Degraded", "remembered like a test without a winner"


@pytest.mark.parametrize(("action", "state"), [("Promote", "Baking"), ("Pause", "Paused")])
def test_what_follows_when_nothing_is_to_be_gained_is_what_follows_at_the_deadline(action: str, state: str) -> None:
    world = competing(stable=2.0, candidate=2.0, deadlineSeconds=86_400, smallestGainPercent="5", atDeadline=action)
    for _ in range(720):
        world.now += timedelta(seconds=5)
        world.tick()
        if world.state == state:
            break
    assert world.state == state
    [ended] = [event for event in world.events if event.reason == "NoDifference"]
    assert f"which ends it (atDeadline: {action})" in ended.message
    if action == "Pause":
        world.run(60)
        assert world.state == "Paused", "people decide, once"
        assert [event.reason for event in world.events].count("NoDifference") == 1


def test_a_gain_that_is_worth_it_is_not_called_nothing() -> None:
    world = competing(stable=12.0, candidate=1.0, smallestGainPercent="5")
    follow(world, 290)
    assert world.routed() == {"v1": 0, "v2": 100}


def test_evidence_against_another_gain_counts_for_nothing() -> None:
    spec = RolloutSpec.model_validate(rollout_spec("v1") | abtest(smallestGainPercent="2"))
    wider = RolloutSpec.model_validate(rollout_spec("v1") | abtest(smallestGainPercent="5"))
    metric, batch = spec.analysis.metrics[0], Sample(400, 8)
    last = None
    for look in range(1, 9):
        lack = goal.lacking(metric, wider, last, batch, batch)
        seen = StepEvidence(
            step=0, candidate=400 * look, candidate_bad=8 * look, stable=400 * look, stable_bad=8 * look
        )
        last = EvidenceStatus(rule="x", until=MOMENT, percent=50, needed="1", lack=lack, steps=[seen])
    anew, on = (goal.lacking(metric, one, last, batch, batch) for one in (spec, wider))
    assert anew is not None
    assert on is not None
    assert float(on.times) > 20
    assert float(anew.times) < float(on.times) / 4, "a smaller gain is harder to exclude, and begins anew"


def test_equals_are_promoted_where_the_spec_says_so() -> None:
    world = competing(stable=2.0, candidate=2.0, atDeadline="Promote")
    follow(world, 450)
    assert world.routed() == {"v1": 0, "v2": 100}


def test_people_decide_about_equals_where_the_spec_says_so() -> None:
    world = competing(stable=2.0, candidate=2.0, atDeadline="Pause")
    world.run(400, step=10)
    assert world.state == "Paused"
    assert world.answers(x_slipway_bucket="49") == "v2"
    world.annotate("slipway.dev/promote", "v2")
    world.run(3)
    assert world.routed() == {"v1": 0, "v2": 100}


def test_at_the_gate_people_decide_whatever_the_evidence_says_since() -> None:
    world = competing(stable=3.0, candidate=3.0, atDeadline="Pause", deadlineSeconds=60)
    world.until("Paused", 300)
    world.behaves["v2"] = Behaviour(failing_percent=0.0)
    world.run(3600, step=5)
    assert (world.state, world.status.percent) == ("Paused", 50)
    world.annotate("slipway.dev/promote", "v2")
    world.until("Healthy")


def test_a_test_that_is_interrupted_ends_no_later() -> None:
    world = competing(stable=3.0, candidate=3.0, deadlineSeconds=600)
    begun = world.now
    world.run(500, step=5)
    world.broken["v2"] = waiting("ContainerCreating")
    world.run(3)
    assert world.status.step_started_at is None
    world.broken.clear()
    while world.status.last_rollback is None:
        world.tick()
        world.now += SECOND
    assert world.status.last_rollback.reason == "NoWinner"
    assert timedelta(seconds=600) <= world.now - begun < timedelta(seconds=640)


LONG = {"strategy": {"canary": {"steps": [{"percent": 50, "holdSeconds": 3600}]}}}


@pytest.mark.parametrize(("before", "seconds"), [({}, 20), (LONG, 400)], ids=["other steps", "an equal share"])
def test_a_test_that_a_canary_becomes_has_its_whole_time(before: dict[str, Any], seconds: int) -> None:
    world = serving(traffic={**TRAFFIC, "sticky": {}}, **before)
    world.want("v2")
    world.run(seconds, step=1 if seconds < 60 else 5)
    world.edit(world.root["spec"] | abtest(deadlineSeconds=300))
    edited = world.now
    while world.status.last_rollback is None:
        world.tick()
        world.now += SECOND
    assert world.status.last_rollback.reason == "NoWinner"
    assert world.now - edited >= timedelta(seconds=300)


def test_clients_own_groups_compete_too() -> None:
    world = competing(stable=2.0, candidate=2.0, percent=None, headers=GROUP)
    assert world.answers(x_group="b") == "v2"
    assert world.answers(x_group="a") == "v1"
    assert world.replicas() == {"v1": 2, "v2": 2}, "nobody knows how large the group is"


def test_a_group_whom_nobody_can_measure_goes_back_where_the_spec_says_so() -> None:
    analysis = abtest()["analysis"] | {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    world = competing(stable=2.0, candidate=2.0, percent=None, headers=GROUP, analysis=analysis)
    world.prometheus = False
    world.run(100, step=10)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "NoData"
    assert world.answers(x_group="b") == "v1"


def test_a_silent_prometheus_lets_nobody_win() -> None:
    world = competing(stable=8.0, candidate=1.0)
    world.prometheus = False
    world.run(280, step=10)
    assert world.status.percent == 50


@pytest.mark.parametrize(("candidate", "most"), [(0.05, 0.05), (0.08, 0.0)])
def test_no_better_candidates_win_as_rarely_as_asked_for(candidate: float, most: float) -> None:
    """100 looks at 40 requests a side, stable fails 5 %: at most falseWinPercent of such tests have a winner."""
    rnd, wins, tests = random.Random(7), 0, 120
    for _ in range(tests):
        wins += ended(rnd, "gain", candidate, stable=0.05, looks=100)
    assert wins / tests <= most


def test_a_much_better_candidate_wins_nearly_always() -> None:
    rnd = random.Random(7)
    assert sum(ended(rnd, "gain", 0.01, stable=0.05, looks=100) for _ in range(40)) >= 36


@pytest.mark.parametrize(("candidate", "least", "most"), [(0.05, 0.0, 0.05), (0.02, 0.0, 0.0), (0.10, 0.9, 1.0)])
def test_a_gain_worth_a_change_is_missed_as_rarely_as_asked_for(candidate: float, least: float, most: float) -> None:
    """Stable fails 10 %, 5 points are worth a change: a candidate at 5 % or better is sent back by chance alone."""
    rnd, tests = random.Random(11), 80
    sent = sum(ended(rnd, "lack", candidate, stable=0.10, looks=100) for _ in range(tests)) / tests
    assert least <= sent <= most


def ended(rnd: random.Random, ask: str, candidate: float, stable: float, looks: int) -> bool:
    """Tell whether its gain, or the lack of one, ever ends a test that is looked at after every 40 requests a side."""
    spec = RolloutSpec.model_validate(rollout_spec("v1") | abtest(smallestGainPercent="5"))
    metric, last, wealth = spec.analysis.metrics[0], None, Wealth()
    for _ in range(looks):
        mine, theirs = (Sample(40, sum(rnd.random() < rate for _ in range(40))) for rate in (candidate, stable))
        found = {"gain": goal.gained, "lack": goal.lacking}[ask](metric, spec, last, mine, theirs)
        assert found is not None
        if float(found.times) >= float(found.needed):
            return True
        wealth = bet(wealth, mine, theirs, 0.0)  # for what it counts
        mine, theirs, recent = wealth.candidate, wealth.stable, wealth.recent
        step = {"step": 0, "candidate": mine.requests, "candidate_bad": mine.bad}
        step |= {"stable": theirs.requests, "stable_bad": theirs.bad}
        last = EvidenceStatus.model_validate(
            {"rule": "x", "until": MOMENT, "percent": 50, "needed": "1", "steps": [step]}
            | {"recent": round(recent.requests), "recent_bad": round(recent.bad), ask: found}
        )
    return False
