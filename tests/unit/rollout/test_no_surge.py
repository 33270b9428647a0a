"""Does a release do without spare room, and say honestly what that costs?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.rollout.test_pods import fetching
from tests.unit.rollout.world import Behaviour, World, serving, waiting

STEPS = [{"percent": 25, "holdSeconds": 30}, {"percent": 50, "holdSeconds": 30}]
SECOND = timedelta(seconds=1)


def tight(replicas: int, interruption: str = "Refuse", steps: list[dict[str, Any]] = STEPS) -> World:
    """Return a world in which v1 serves, with room for no pod more."""
    world = serving(
        serving={"runtime": {"llamaCpp": {}}, "replicas": replicas},
        strategy={"canary": {"steps": steps, "capacity": {"mode": "NoSurge", "interruption": interruption}}},
    )
    world.places = replicas
    return world


@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_pods_are_never_more_than_replicas_and_stable_keeps_one(replicas: int) -> None:
    world = tight(replicas)
    world.want("v2")
    world.tick()
    shares = {world.status.percent}
    while world.state != "Healthy":
        world.tick()
        sizes = world.replicas()
        assert sum(sizes.values()) <= replicas
        if world.status.candidate is not None:
            assert sizes["v1"] >= 1, "the way back is open"
            assert world.ready("v1") >= 1
            shares.add(world.status.percent)
        for version, share in world.routed().items():
            assert not share or world.ready(version) > 0, f"{version} has {share} % and no pod"
        world.now += SECOND
        assert world.now.year == 2026
    assert shares == {0, 25, 50, 100}
    world.run(30)
    assert world.replicas() == {"v2": replicas}
    assert world.ready("v2") == replicas


def test_a_return_takes_what_stable_has_and_grows_as_the_others_drain() -> None:
    world = tight(3)
    world.want("v2")
    world.until("Baking")
    assert world.replicas() == {"v1": 1, "v2": 2}
    world.behaves["v2"] = Behaviour(failing_percent=40)
    while world.status.last_rollback is None:
        world.tick()
        world.now += SECOND
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.ready("v1") == 1
    world.until("Degraded")
    world.run(5)
    assert world.replicas() == {"v1": 3}
    assert world.ready("v1") == 3


def test_a_return_to_an_artefact_that_is_gone_says_so_and_ends_when_it_is_back() -> None:
    world = tight(1, "Accept")
    world.want("v2")
    world.until("Baking")
    world.behaves["v2"] = Behaviour(failing_percent=50)
    gone = '{"type":"Failed","reason":"NoSuchArtifact","message":"s3://models/v1/ is not there: restore it"}'
    world.broken["v1"] = fetching(11, gone)
    world.until("Degraded")
    world.run(60)
    assert world.routed() == {"v1": 100}, "what failed stays away all the same"
    assert "v1 is stable and has no ready pod" in world.status.message
    assert "s3://models/v1/ is not there: restore it" in world.status.message
    world.broken.clear()
    world.run(30)
    assert world.ready("v1") == 1
    assert "v2 " in world.status.message
    assert "rolled back" in world.status.message


def test_one_replica_refuses_and_says_what_to_change() -> None:
    world = tight(1)
    world.want("v2")
    world.run(60)
    assert world.state == "Stalled"
    assert world.routed() == {"v1": 100}
    assert world.replicas() == {"v1": 1}
    assert world.reasons() == ["InterruptionRefused"]
    for cure in ("interruption to Accept", "mode to Surge", "replicas to 2", "v1 at 100 %"):
        assert cure in world.status.message
    capacity = {"mode": "NoSurge", "interruption": "Accept"}
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": STEPS, "capacity": capacity}}})
    world.until("Healthy")


def test_one_replica_that_may_be_interrupted_gives_way_and_says_so() -> None:
    world = tight(1, "Accept")
    world.want("v2")
    world.tick()
    started = world.events[0]
    assert (started.reason, started.type) == ("CandidateStarted", "Warning")
    assert "nothing serves until it is ready" in started.message
    assert world.replicas() == {"v1": 0, "v2": 1}
    world.kubelet()
    for pods in world.pods.values():
        for pod in pods:
            pod["status"] = {"phase": "Pending"}
    world.reconcile()
    assert "nothing serves until the candidate is ready" in world.status.message
    world.until("Baking")
    assert world.routed() == {"v1": 0, "v2": 100}, "no step makes sense without stable"
    assert "has no pod" in world.events[-1].message
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"


def test_the_way_back_after_an_interruption_restarts_stable() -> None:
    world = tight(1, "Accept")
    world.want("v2")
    world.until("Baking")
    world.behaves["v2"] = Behaviour(failing_percent=40)
    while world.status.last_rollback is None:
        world.tick()
        world.now += SECOND
    assert world.routed() == {"v1": 100, "v2": 0}
    world.until("Degraded")
    world.run(20)
    assert world.replicas() == {"v1": 1}
    assert world.ready("v1") == 1
    assert "v1 at 100 % (1 of 1 pods ready)" in world.status.message


def test_a_candidate_that_cannot_start_gives_the_room_back() -> None:
    world = tight(1, "Accept")
    world.broken["v2"] = waiting("ImagePullBackOff")
    world.want("v2")
    world.run(200)
    assert world.replicas() == {"v1": 1}
    assert world.ready("v1") == 1
    assert world.state == "Degraded"
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "ProgressDeadlineExceeded"


def test_reverting_in_the_interruption_restarts_stable() -> None:
    world = tight(1, "Accept")
    world.want("v2")
    world.tick()
    world.want("v1")
    world.tick()
    assert "it gave way to another version" in world.status.message
    world.until("Healthy")
    assert world.replicas() == {"v1": 1}


def test_replicas_scaled_to_one_in_the_middle_leave_each_version_its_pod() -> None:
    world = tight(4)
    world.want("v2")
    while world.status.percent != 50:
        world.tick()
        world.now += SECOND
    world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": 1}})
    world.run(2)
    assert world.replicas() == {"v1": 1, "v2": 1}, "a release under way interrupts nobody"
    world.until("Healthy")


def test_it_is_compared_with_what_stable_showed_before_it_gave_way() -> None:
    world = tight(1, "Accept")
    metric = {"name": "errors", "errorRate": {"maxIncreasePercent": "5", "minSamples": 20}}
    world.edit(world.root["spec"] | {"analysis": {"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]}})
    world.run(5)
    world.want("v2")
    world.tick()
    gave_way = world.now
    while not world.due:
        world.tick()
        world.now += SECOND
    question = str(world.asked[0])
    assert f"@ {gave_way.timestamp():.3f}" in question


def edited(world: World, *steps: dict[str, Any]) -> None:
    capacity = {"mode": "NoSurge", "interruption": "Accept"}
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": list(steps), "capacity": capacity}}})


@pytest.mark.parametrize("seconds", [1, 3])
def test_edited_steps_give_no_share_to_a_stable_that_gave_way(seconds: int) -> None:
    world = tight(1, interruption="Accept")
    world.want("v2")
    world.run(seconds)
    edited(world, {"percent": 10, "holdSeconds": 300})
    for _ in range(60):
        world.tick()
        assert world.status.percent in (0, 100), world.status.message
        world.now += SECOND
    assert world.routed().get("v2") == 100


def test_a_candidate_with_pods_beyond_its_share_gives_them_back_where_the_room_ends() -> None:
    preview = {"blueGreen": {"previewHostnames": ["preview.example"], "holdSeconds": 1000}}
    world = serving(strategy=preview, serving={"runtime": {"llamaCpp": {}}, "replicas": 10})
    world.want("v2")
    world.run(10)
    assert world.replicas() == {"v1": 10, "v2": 10}
    edited(world, {"percent": 10, "holdSeconds": 300})
    for _ in range(10):
        world.tick()
        assert world.replicas() == {"v1": 9, "v2": 1}, "stable carries its 90 %"
        world.now += SECOND
