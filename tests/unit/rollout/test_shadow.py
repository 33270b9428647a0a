"""Are requests copied only where the gateway can, judged like any others, and never to a user's cost?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.rollout.shadow import MIRROR, PERCENTAGE
from tests.unit.rollout.gateway import copied
from tests.unit.rollout.world import Behaviour, World, serving, waiting

SECOND = timedelta(seconds=1)


def shadowed(percent: int = 20, *after: dict[str, Any], features: tuple[str, ...] = (MIRROR, PERCENTAGE)) -> World:
    """Return a world in which v2 starts with a step of copies."""
    steps = [{"mirrorPercent": percent, "holdSeconds": 30}, *(after or ({"percent": 10, "holdSeconds": 30},))]
    world = serving(strategy={"canary": {"steps": steps}})
    world.features = list(features)
    world.want("v2")
    world.run(8)
    return world


def copies(world: World) -> dict[str, int]:
    """Return the percent of requests that are copied, by version."""
    return {world.version_of(name): n for name, n in copied(world.objects["HTTPRoute", "assistant"]).items()}


def follow(world: World, seconds: int) -> list[tuple[int, int]]:
    """Return the pairs (percent, copied percent) that v2 goes through."""
    seen: list[tuple[int, int]] = []
    for _ in range(seconds):
        pair = (world.routed().get("v2", 0), copies(world).get("v2", 0))
        seen += [pair] if pair not in seen[-1:] else []
        world.now += SECOND
        world.tick()
    return seen


def test_copies_are_judged_while_stable_answers_everybody() -> None:
    world = shadowed()
    assert copies(world) == {"v2": 20}
    assert world.routed() == {"v1": 100, "v2": 0}
    world.run(20)
    assert {entry.metric: entry.outcome for entry in world.status.analysis} == {"errors": "Pass"}
    assert follow(world, 40)[:2] == [(0, 20), (10, 0)], "a candidate with users needs no copies"


def test_a_candidate_that_fails_on_copies_never_answers_anybody() -> None:
    world = shadowed()
    world.behaves["v2"] = Behaviour(failing_percent=50)
    assert follow(world, 120)[-1] == (0, 0)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.message.startswith("on copies of 20 % of requests")
    assert world.state == "Degraded"


def test_all_requests_are_copied_without_the_feature_of_percentages() -> None:
    assert copies(shadowed(100, features=(MIRROR,))) == {"v2": 100}
    route = shadowed(100).objects["HTTPRoute", "assistant"]
    assert "percent" not in route["spec"]["rules"][0]["filters"][0]["requestMirror"]


@pytest.mark.parametrize("features", [(), (MIRROR,), (PERCENTAGE,)])
def test_a_gateway_that_cannot_is_never_given_the_filter_and_the_cure_is_told(features: tuple[str, ...]) -> None:
    world = shadowed(features=features)
    world.run(120)
    assert copies(world) == {}
    assert world.routed() == {"v1": 100, "v2": 0}, "and the step is not passed without evidence"
    assert world.state == "Stalled"
    condition = next(c for c in world.status.conditions if c.type == "Stalled")
    assert condition.reason == "ShadowUnsupported"
    assert "Gateway gateways/slipway cannot copy requests" in world.status.message
    assert "Remove the steps with mirrorPercent" in world.status.message


def test_a_gateway_that_learns_it_is_asked_again_and_a_healthy_rollout_asks_nothing() -> None:
    world = shadowed(features=())
    assert world.state == "Stalled"
    world.features = [MIRROR, PERCENTAGE]
    world.run(70)
    assert copies(world) == {"v2": 20}
    assert not any(ask.id.startswith("gateway@") for ask in world.asked)


def test_another_gateway_gets_no_filter_before_it_was_asked() -> None:
    world = shadowed()
    world.features = []
    world.edit(world.root["spec"] | {"traffic": world.root["spec"]["traffic"] | {"gateway": {"name": "other"}}})
    world.reconcile()
    assert copies(world) == {}
    world.run(5)
    assert world.state == "Stalled"


def test_copies_stop_without_an_endpoint_and_when_the_spec_changes_its_mind() -> None:
    world = shadowed()
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.tick()
    assert copies(world) == {}
    world.broken.clear()
    world.run(3)
    assert copies(world) == {"v2": 20}
    world.want("v1")
    world.tick()
    assert copies(world) == {}
    world.until("Healthy")


def test_silence_of_copies_is_silence() -> None:
    world = shadowed()
    world.edit(
        world.root["spec"]
        | {"analysis": world.root["spec"]["analysis"] | {"noData": {"afterSeconds": 60, "action": "Rollback"}}}
    )
    world.behaves["v2"] = Behaviour(requests_per_second=0)
    world.run(200, step=2)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "NoData"


def test_copies_go_on_through_a_pause_and_more_of_them_need_more_pods() -> None:
    world = shadowed(10, {"mirrorPercent": 100, "holdSeconds": 30}, {"pause": {}}, {"percent": 10})
    assert world.replicas() == {"v1": 2, "v2": 1}
    assert follow(world, 120) == [(0, 10), (0, 100)]
    assert world.replicas() == {"v1": 2, "v2": 2}
    assert world.state == "Paused"


def test_a_filter_that_somebody_edits_is_no_evidence_and_is_undone() -> None:
    world = shadowed()
    route = world.objects["HTTPRoute", "assistant"]
    route["spec"]["rules"][-1]["filters"][0]["requestMirror"]["percent"] = 90
    route["metadata"]["generation"] += 1
    world.reconcile()
    assert copies(world) == {"v2": 20}
