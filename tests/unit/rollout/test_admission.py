"""Does a candidate whose queries Prometheus refuses reach nobody, by any way?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.plan import Answer, Facts, GatewayFeatures
from slipway.rollout import reasons
from tests.unit.rollout.world import World, serving


def tell(world: World, answer: Answer) -> None:
    world.facts = Facts({ask.id: answer for ask in world.asked})
    world.reconcile()


def warming(query: str, strategy: dict[str, Any] | None = None) -> World:
    """Return a world in which v2 is about to get its first traffic, and is judged by `query`."""
    world = serving("v1")
    metric = {"name": "mine", "prometheus": {"query": query, "max": "1"}}
    chosen = {"strategy": strategy} if strategy else {}
    world.want("v2", analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]}, **chosen)
    world.reconcile()
    return world


STEP = {"percent": 10, "holdSeconds": 30}
WAYS = {
    "header": {"canary": {"steps": [STEP], "headers": [{"name": "x-beta", "value": "1"}]}},
    "copies": {"canary": {"steps": [{"mirrorPercent": 100, "holdSeconds": 30}, STEP]}},
    "preview": {"blueGreen": {"previewHostnames": ["preview.example"], "holdSeconds": 10}},
}
REFUSED = "Prometheus refuses the query: 1:6: parse error: unclosed left parenthesis. Correct it"


def test_a_query_that_does_not_parse_moves_no_traffic_and_says_what_to_change() -> None:
    world = warming("sum((")
    tell(world, Answer(world.now, error=REFUSED, refused=True))
    for _ in range(60):
        world.kubelet()
        world.gateway()
        world.facts = Facts({ask.id: Answer(world.now, error=REFUSED, refused=True) for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Stalled", 0)
    assert world.status.message.startswith(f"metric mine: {REFUSED} in spec.analysis")
    assert reasons.QUERY_REFUSED in world.reasons()
    assert world.status.last_rollback is None, "nothing is wrong with the version"
    world.facts = Facts()
    world.reconcile()
    assert (world.state, world.status.percent) == ("Stalled", 0), "a restarted operator has no answer yet"

    spec = world.root["spec"]["analysis"]
    world.want("v2", analysis=spec | {"metrics": [{"name": "mine", "prometheus": {"query": "up", "max": "1"}}]})
    for _ in range(5):
        world.kubelet()
        world.gateway()
        world.facts = Facts({ask.id: Answer(world.now, ((({}), 0.0),)) for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Progressing", 10)


def test_a_dry_run_whose_query_does_not_parse_holds_nobody() -> None:
    world = warming("up")
    tried = {"name": "tried", "prometheus": {"query": "sum((", "max": "1"}, "dryRun": True}
    spec = world.root["spec"]["analysis"]
    world.want("v2", analysis=spec | {"metrics": [*spec["metrics"], tried]})
    world.reconcile()
    for _ in range(20):
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        fine = Answer(world.now, ((({}), 0.0),))
        world.facts = Facts({ask.id: refused if "tried@" in ask.id else fine for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Progressing", 10)
    assert {entry.metric: entry.outcome for entry in world.status.analysis} == {"mine": "Pass", "tried": "Error"}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_reaches_a_candidate_by_another_way_while_a_query_does_not_parse(way: str) -> None:
    world = warming("sum((", WAYS[way])
    features = Answer(world.now, tuple(({"feature": name}, 1.0) for name in world.features))
    for _ in range(60):
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        asks = {ask.id: features if isinstance(ask.question, GatewayFeatures) else refused for ask in world.asked}
        world.facts = Facts(asks)
        world.reconcile()
        world.now += timedelta(seconds=1)
    status = world.status
    assert status.candidate is not None
    assert (world.state, status.percent, status.mirror_percent) == ("Stalled", 0, 0)
    assert (status.candidate.preview_since, status.step_started_at) == (None, None), "nor does its step begin"


def test_a_prometheus_that_is_away_refuses_nothing() -> None:
    world = warming("up")
    tell(world, Answer(world.now, error="Prometheus at http://x cannot be reached"))
    world.kubelet()
    world.reconcile()
    world.reconcile()
    assert world.status.percent == 10


def test_no_query_is_tested_twice_once_requests_come() -> None:
    world = warming("up")
    assert [ask.id.partition("@")[0] for ask in world.asked] == ["check"]
    before = world.asked
    world.reconcile()
    assert world.asked == before, "the same question, so that its answer is kept"
    world.kubelet()
    world.reconcile()
    world.reconcile()
    assert world.status.percent == 10
    assert not [ask for ask in world.asked if ask.id.startswith("check")]
