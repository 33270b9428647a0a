"""Does blue-green judge on the preview, switch in one write, and find its way back?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.rollout.gateway import backends
from tests.unit.rollout.world import Behaviour, World, serving, waiting

SECOND = timedelta(seconds=1)
PREVIEW = ("HTTPRoute", "assistant-preview")


def strategy(**changes: Any) -> dict[str, Any]:
    chosen = {"previewHostnames": ["next.assistant.example"], "holdSeconds": 30, "scaleDownDelaySeconds": 120}
    return {"strategy": {"blueGreen": chosen | changes}}


def shown(world: World) -> dict[str, int]:
    """Return the weights of the preview's route by version."""
    return {world.version_of(name): weight for name, weight in backends(world.objects[PREVIEW]).items()}


def step(world: World) -> None:
    world.now += SECOND
    world.tick()


def previewing(**changes: Any) -> World:
    """Return a world in which v2 answers the preview's host name, confirmed by the gateway."""
    world = serving(**strategy(**changes))
    world.want("v2")
    while world.status.step_started_at is None:
        step(world)
    return world


def switched(**changes: Any) -> World:
    world = previewing(**changes)
    world.until("Baking")
    return world


def promoted(**changes: Any) -> World:
    world = switched(**changes)
    world.until("Healthy")
    world.events.clear()
    return world


def test_the_preview_shows_stable_while_there_is_no_candidate() -> None:
    world = serving(**strategy())
    assert world.objects[PREVIEW]["spec"]["hostnames"] == ["next.assistant.example"]
    assert shown(world) == {"v1": 100}


def test_nothing_reaches_a_candidate_before_all_its_pods_are_ready() -> None:
    world = serving(**strategy())
    world.broken["v2"] = waiting("ContainerCreating")
    world.want("v2")
    for _ in range(20):
        step(world)
        assert world.replicas() == {"v1": 2, "v2": 2}, "all of them, before the preview opens"
        assert shown(world)["v1"] == 100
        assert world.routed()["v1"] == 100


def test_users_stay_with_stable_while_the_preview_is_judged() -> None:
    world = previewing()
    assert shown(world) == {"v1": 0, "v2": 100}
    assert world.routed() == {"v1": 100, "v2": 0}
    world.run(20)
    assert {entry.metric: entry.outcome for entry in world.status.analysis} == {"errors": "Pass"}
    assert world.routed() == {"v1": 100, "v2": 0}, "held for holdSeconds"


def test_the_switch_is_one_write() -> None:
    world = serving(**strategy())
    world.want("v2")
    seen: list[dict[str, int]] = []
    for _ in range(150):
        world.now += SECOND
        step(world)
        if not seen or seen[-1] != world.routed():
            seen.append(world.routed())
    # To begin with v2 has no Service, and in the end v1 has none; nothing lies between nothing and everything.
    assert seen == [{"v1": 100}, {"v1": 100, "v2": 0}, {"v1": 0, "v2": 100}, {"v2": 100}]
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
    told = {event.reason: event.message for event in world.events}
    assert "v2 passed on the preview" in told["StepPassed"]
    assert "v1 stays warm for 120 s" in told["Promoted"]


def test_a_candidate_that_fails_on_the_preview_never_meets_a_user() -> None:
    world = serving(**strategy())
    world.behaves["v2"] = Behaviour(failing_percent=50)
    world.want("v2")
    for _ in range(120):
        step(world)
        assert world.routed()["v1"] == 100
    assert world.state == "Degraded"
    assert world.status.last_rollback is not None
    assert "on the preview" in world.status.last_rollback.message
    assert shown(world) == {"v1": 100}
    assert world.replicas() == {"v1": 2}


def test_a_preview_without_requests_waits_and_never_switches() -> None:
    world = serving(**strategy(), analysis=silence("Rollback"))
    world.behaves["v2"] = Behaviour(requests_per_second=0)
    world.want("v2")
    world.run(900, step=10)
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.status.candidate is not None, "nobody owes the preview requests"
    assert "NoData" in world.status.message


def test_a_preview_that_nobody_can_measure_is_silent() -> None:
    world = serving(**strategy(), analysis=silence("Rollback"))
    world.behaves["v2"] = Behaviour(requests_per_second=0)
    world.want("v2")
    world.run(600, step=10)
    world.prometheus = False
    world.run(50, step=10)
    assert world.status.candidate is not None, "the time without requests counts for nothing"
    world.run(30, step=10)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "NoData"


def test_a_candidate_that_fails_users_is_returned_from_in_one_write() -> None:
    world = switched()
    world.behaves["v2"] = Behaviour(failing_percent=50)
    while world.status.last_rollback is None:
        step(world)
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.replicas() == {"v1": 2, "v2": 2}


def test_the_preview_closes_when_the_candidate_has_no_endpoint() -> None:
    world = previewing()
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.tick()
    assert shown(world) == {"v1": 100, "v2": 0}
    world.broken.clear()
    world.run(3)
    assert shown(world) == {"v1": 0, "v2": 100}


def test_people_promote_where_the_spec_says_so() -> None:
    world = previewing(autoPromote=False)
    world.run(600, step=10)
    assert world.state == "Paused"
    assert "slipway.dev/promote=v2" in world.status.message
    assert world.routed() == {"v1": 100, "v2": 0}
    world.annotate("slipway.dev/promote", "v2")
    world.run(3)
    assert world.routed() == {"v1": 0, "v2": 100}


def test_a_preview_that_has_not_passed_is_not_promoted_by_its_hold() -> None:
    world = serving(**strategy(), analysis=silence("Hold"))
    world.behaves["v2"] = Behaviour(requests_per_second=0.1)
    world.want("v2")
    world.run(300, step=5)
    assert world.routed() == {"v1": 100, "v2": 0}


def test_the_old_version_stays_warm_and_takes_everything_back_at_once() -> None:
    world = promoted()
    pods = {pod["metadata"]["name"] for pods in world.pods.values() for pod in pods}
    world.run(60)
    assert world.replicas() == {"v1": 2, "v2": 2}
    assert world.routed() == {"v1": 0, "v2": 100}, "weight 0 is written out"
    world.want("v1")
    world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}
    world.tick()
    assert {pod["metadata"]["name"] for pods in world.pods.values() for pod in pods} == pods, "no pod started"
    assert world.reasons()[0] == "ReturnedToStable"
    world.run(30)
    assert world.state == "Healthy"
    assert world.replicas() == {"v1": 2}


def test_a_warm_version_whose_pods_are_not_ready_takes_nothing() -> None:
    world = promoted()
    world.broken["v1"] = waiting("CrashLoopBackOff")
    world.tick()
    world.want("v1")
    world.run(30)
    assert world.routed() == {"v1": 0, "v2": 100}
    assert "v1 is warm" in world.status.message
    world.broken.clear()
    world.run(2)
    assert world.routed() == {"v1": 100, "v2": 0}


def test_a_warm_version_whose_deployment_somebody_deleted_is_no_candidate_as_well() -> None:
    world = promoted()
    [name] = [name for kind, name in world.objects if kind == "Deployment" and world.version_of(name) == "v1"]
    del world.objects["Deployment", name], world.pods[name]
    world.want("v1")
    world.reconcile()
    assert world.status.candidate is None
    assert world.status.previous is not None
    world.run(5)
    assert world.routed()["v1"] == 100, "its pods are back, and it takes everything in one write"


def test_a_deleted_model_version_can_still_be_returned_to_while_it_is_warm() -> None:
    world = promoted()
    del world.versions["v1"]
    world.want("v1")
    world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}


def test_warmth_ends_in_time_and_after_a_drain() -> None:
    world = promoted()
    since = world.now
    while "v1" in world.replicas():
        step(world)
    assert world.now - since >= timedelta(seconds=120 + 10)
    assert world.state == "Healthy"
    assert "NoLongerWarm" in world.reasons()
    assert world.plan_made is not None
    world.run(20)
    assert world.plan_made.requeue_after is None, "nothing is left to wait for"


def test_a_third_version_ends_the_warmth_before_it_starts() -> None:
    world = promoted()
    world.want("v3")
    for _ in range(60):
        step(world)
        assert len(world.replicas()) <= 2, "never three"
    assert set(world.replicas()) == {"v2", "v3"}


def test_a_version_remembered_as_failed_does_not_end_the_warmth() -> None:
    world = serving(**strategy())
    world.behaves["v3"] = Behaviour(failing_percent=50)
    world.want("v3")
    world.until("Degraded")
    world.want("v2")
    world.until("Healthy")
    world.want("v3")
    world.run(20)
    assert world.state == "Degraded"
    assert world.replicas() == {"v1": 2, "v2": 2}, "it cannot start, so v1 stays"


def test_returning_to_stable_on_the_preview_judges_nothing() -> None:
    world = previewing()
    world.want("v1")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert shown(world) == {"v1": 100, "v2": 0}
    world.until("Healthy")


def test_pods_drain_only_when_the_preview_has_left_them_too() -> None:
    world = previewing()
    world.want("v1")
    for _ in range(60):
        world.now += SECOND
        world.kubelet()
        world.scrape()
        world.gateway(skip="assistant-preview")
        world.reconcile()
    assert world.replicas() == {"v1": 2, "v2": 2}
    world.run(30)
    assert world.replicas() == {"v1": 2}


def test_a_preview_that_the_gateway_refuses_is_told_and_never_switches() -> None:
    world = serving(**strategy())
    world.want("v2")
    for _ in range(120):
        world.now += SECOND
        world.kubelet()
        world.gateway(refuse="assistant-preview")
        world.scrape()
        world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert "assistant-preview" in world.status.message
    assert "NoMatchingListenerHostname" in world.status.message


def test_a_change_of_strategy_removes_the_preview() -> None:
    world = previewing()
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": [{"percent": 10, "holdSeconds": 30}]}}})
    world.run(2)
    assert PREVIEW not in world.objects
    assert world.routed() == {"v1": 90, "v2": 10}


@pytest.mark.parametrize("size", [1, 4])
def test_scaling_on_the_preview_scales_both_and_starts_nothing_anew(size: int) -> None:
    world = previewing()
    began = world.status.step_started_at
    world.edit(world.root["spec"] | {"serving": {"runtime": {"llamaCpp": {}}, "replicas": size}})
    world.run(5)
    assert world.replicas() == {"v1": size, "v2": size}
    assert world.status.step_started_at == began


def silence(action: str) -> dict[str, Any]:
    return {
        "intervalSeconds": 10,
        "windowSeconds": 60,
        "metrics": [{"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}}],
        "noData": {"afterSeconds": 60, "action": action},
    }
