"""What happens when people change their mind in the middle of anything?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.rollout.world import World, baking, canary, model_version, serving


def test_superseding_returns_traffic_first_then_retires_then_starts() -> None:
    world = canary(50)
    world.want("v3")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert "v3" not in world.replicas(), "its pods may need the place of v2's"
    assert world.state == "Progressing"
    assert world.status.analysis[0].outcome == "Cancelled"
    seen = []
    for _ in range(30):
        world.tick()
        seen.append(frozenset(world.replicas()))
        world.now += timedelta(seconds=1)
    assert {"v2", "v3"} not in seen
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v3"
    assert world.reasons()[0] == "Superseded"


def test_superseding_in_the_bake_returns_to_the_old_version_first() -> None:
    world = baking()
    world.want("v3")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}


def test_reverting_is_healthy_at_once_without_analysis() -> None:
    for make in (lambda: canary(50), baking):
        world = make()
        world.want("v1")
        world.tick()
        assert world.state == "Healthy"
        assert world.routed() == {"v1": 100, "v2": 0}
        assert world.reasons()[0] == "ReturnedToStable"
        world.run(30)
        assert world.replicas() == {"v1": 2}


def test_a_withdrawn_version_may_come_back_and_starts_afresh() -> None:
    world = canary(50)
    since = world.status.candidate
    world.want("v1")
    world.run(30)
    world.want("v2")
    world.tick()
    assert world.status.candidate is not None
    assert since is not None
    assert world.status.candidate.since > since.since
    assert world.status.candidate.traffic_since is None
    world.until("Healthy")


def test_another_version_before_anything_serves_replaces_the_first() -> None:
    world = serving("v1")
    world.root["status"] = {}
    world.objects.clear()
    world.pods.clear()
    world.reconcile()
    world.want("v2")
    world.until("Healthy")
    assert world.routed() == {"v2": 100}
    world.run(30)
    assert world.replicas() == {"v2": 2}


def test_while_the_next_version_is_evaluated_the_candidate_stays_where_it_is_and_is_judged() -> None:
    world = canary(10)
    world.versions["v3"] = model_version("v3", "Evaluating")
    world.want("v3")
    world.run(120)
    assert world.routed() == {"v1": 90, "v2": 10}
    assert world.state == "Pending"
    assert world.status.analysis[0].at > "2026-11-20T03:01", "measured all the time"
    world.versions["v3"] = model_version("v3")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}


def test_replicas_and_hostnames_may_change_in_the_middle() -> None:
    world = canary(10)
    step = world.status.step
    serving_ = {"runtime": {"llamaCpp": {}}, "replicas": 6}
    world.edit(
        world.root["spec"]
        | {"serving": serving_, "traffic": world.root["spec"]["traffic"] | {"hostnames": ["b.example"]}}
    )
    world.tick()
    assert world.status.step == step
    assert world.replicas() == {"v1": 6, "v2": 1}
    assert world.objects["HTTPRoute", "assistant"]["spec"]["hostnames"] == ["b.example"]
    world.until("Healthy")


def test_a_new_operator_does_not_change_what_was_judged() -> None:
    world = serving()
    images = world.settings.images.model_copy(update={"serve_llamacpp": "engine:2"})
    world.room.settings = world.settings.model_copy(update={"images": images})
    before = world.writes
    world.run(10)
    assert world.writes == before
    [image] = {
        obj["spec"]["template"]["spec"]["containers"][0]["image"]
        for (kind, _), obj in world.objects.items()
        if kind == "Deployment"
    }
    assert image == "engine:1"


def at_a_gate() -> World:
    world = serving(strategy={"canary": {"steps": [{"percent": 10, "holdSeconds": 10}, {"pause": {}}]}})
    world.want("v2")
    world.until("Paused")
    return world


def paused(make: Callable[[], World]) -> World:
    world = make()
    world.annotate("slipway.dev/pause", "v2")
    world.tick()
    assert world.state == "Paused"
    return world


def promoted_in_full() -> World:
    world = canary(10)
    world.annotate("slipway.dev/promote-full", "v2")
    world.reconcile()
    return world


def without_room() -> World:
    capacity = {"mode": "NoSurge", "interruption": "Accept"}
    steps = [{"percent": 50, "holdSeconds": 30}]
    world = serving(
        strategy={"canary": {"steps": steps, "capacity": capacity}},
        serving={"runtime": {"llamaCpp": {}}, "replicas": 1},
    )
    world.places = 1
    world.want("v2")
    world.tick()
    return world


def rolled_back() -> World:
    world = canary(50)
    world.annotate("slipway.dev/abort", "v2")
    world.tick()
    return world


MIDDLES = [
    at_a_gate,
    lambda: paused(lambda: canary(50)),
    lambda: paused(baking),
    promoted_in_full,
    without_room,
    rolled_back,
]
NAMES = ["gate", "paused", "paused bake", "promoted in full", "no surge", "rolled back"]


@pytest.mark.parametrize("make", MIDDLES, ids=NAMES)
@pytest.mark.parametrize("version", ["v1", "v3"])
def test_in_the_middle_of_anything_people_may_revert_or_supersede(make: Callable[[], World], version: str) -> None:
    world = make()
    world.want(version)
    world.tick()
    assert world.routed()["v1"] == 100, "traffic to stable before anything else"
    assert world.status.paused is None
    for _ in range(400):
        if version == "v3" and world.state == "Paused":
            world.annotate("slipway.dev/promote", "v3")
        world.tick()
        if world.state == "Healthy" and not world.status.retiring:
            break
        world.now += timedelta(seconds=3)
    assert world.state == "Healthy", world.status.message
    assert world.routed() == {version: 100}
    assert world.status.retiring == []


@pytest.mark.parametrize("make", MIDDLES, ids=NAMES)
def test_in_the_middle_of_anything_the_memory_may_be_lost(make: Callable[[], World]) -> None:
    world = make()
    world.root["status"] = {}
    world.tick()
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"
    assert world.routed()["v1"] == 100
