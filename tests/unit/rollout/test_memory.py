"""Does a Rollout find its way when its status was lost, its route is old, or a version comes back?"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from slipway.plan import Facts
from tests.unit.rollout.world import ROLLOUT, Behaviour, World, baking, canary, serving, waiting

SECOND = timedelta(seconds=1)
WINDOW = {"rollbackWindow": {"revisions": 2}}


def released(world: World, *versions: str) -> World:
    for version in versions:
        world.want(version)
        world.until("Healthy")
        world.run(20)
    world.events.clear()
    return world


# The status is lost


@pytest.mark.parametrize("make", [lambda: canary(10), lambda: canary(50), baking])
@pytest.mark.parametrize("marked", [True, False])
def test_what_the_route_says_serves_stays_stable(make, marked: bool) -> None:  # type: ignore[no-untyped-def]
    world = make()
    if not marked:  # a route of an operator that did not write it yet; in the bake nobody could tell
        world.objects["HTTPRoute", ROLLOUT]["metadata"].pop("annotations")
    in_bake = make is baking
    world.root["status"] = {}
    world.tick()
    stable = world.status.stable
    assert stable is not None
    assert stable.version == ("v2" if in_bake and not marked else "v1")
    assert world.reasons()[0] == "Adopted"
    assert world.routed()[stable.version] == 100
    assert set(world.replicas()) == {"v1", "v2"}, "what had traffic is drained, not cut off"
    world.until("Healthy")
    world.run(20)
    assert world.routed() == {"v2": 100}
    assert ("CandidateStarted" in world.reasons()) != (stable.version == "v2"), "v2 earns its traffic anew"


def judged_bad(world: World) -> World:
    world.behaves["v2"] = Behaviour(failing_percent=40)
    while world.status.last_rollback is None:
        world.tick()
        world.now += SECOND
    return world


def test_a_verdict_that_only_the_route_bears_stands() -> None:
    world = canary(50)
    world.run(3)
    before = copy.deepcopy(world.root["status"])
    verdict = judged_bad(world).status.last_rollback
    world.root["status"] = before  # the operator died between the two writes
    world.behaves["v2"] = Behaviour()
    world.facts, world.asked = Facts(), ()
    world.now += 30 * SECOND
    world.events.clear()
    world.reconcile()
    assert world.status.last_rollback == verdict
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.reasons() == ["RolledBack"]
    world.until("Degraded")
    assert "CandidateStarted" not in world.reasons()


# The first version's route went ahead, and the status is still to come


def first_version_on_the_route_alone() -> World:
    world = World()
    world.tick()
    while world.status.stable is None:
        before = copy.deepcopy(world.root["status"])
        plan = world.tick()
        world.now += SECOND
    assert plan.ahead == {("HTTPRoute", ROLLOUT)}
    world.root["status"] = before
    world.events.clear()
    return world


def test_a_first_version_that_only_its_route_bears_is_told_of_once() -> None:
    world = first_version_on_the_route_alone()
    writes = world.writes
    world.tick()
    assert world.state == "Healthy"
    assert world.writes == writes + 1, "one status says that it serves and that the gateway took it"
    assert world.reasons() == ["Promoted"]


def test_a_first_version_that_only_its_route_bears_keeps_its_traffic_whatever_follows() -> None:
    world = first_version_on_the_route_alone()
    world.want("v2")
    world.tick()
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"
    assert world.routed()["v1"] == 100
    world.until("Healthy")
    assert world.routed()["v2"] == 100


def test_a_first_version_that_no_status_names_yet_has_its_status_first() -> None:
    world = World()
    world.broken["v1"] = waiting("ContainerCreating")
    world.run(3)
    world.broken["v2"] = waiting("ContainerCreating")
    world.want("v2")
    world.run(3)
    world.want("v1")
    world.broken.clear()
    before: dict[str, Any] = {}
    while world.status.stable is None:
        before = copy.deepcopy(world.root["status"])
        plan = world.tick()
        world.now += SECOND
    stable = world.status.stable
    named = before.get("candidate") or {}
    assert bool(plan.ahead) == (named.get("revision") == stable.revision), "a route that no status explains is adopted"
    if plan.ahead:
        world.root["status"] = before
    world.events.clear()
    world.tick()
    assert "Adopted" not in world.reasons()


def test_a_verdict_that_a_retry_answered_does_not_count_twice() -> None:
    world = judged_bad(canary(50))
    world.until("Degraded")
    world.behaves["v2"] = Behaviour()
    world.annotate("slipway.dev/retry", "v2")
    world.until("Healthy")
    assert world.routed()["v2"] == 100


def test_what_somebody_else_wrote_on_the_route_is_no_verdict() -> None:
    world = canary(50)
    notes = world.objects["HTTPRoute", ROLLOUT]["metadata"]["annotations"]
    notes |= {"slipway.dev/last-rollback": '{"revision": "v2"}', "slipway.dev/route-version": "1000"}
    world.until("Healthy")
    assert world.routed()["v2"] == 100


def test_a_lost_status_does_not_forget_what_failed_last() -> None:
    world = judged_bad(canary(50))
    world.until("Degraded")
    verdict = world.status.last_rollback
    world.root["status"] = {}
    world.run(60)
    assert (world.state, world.status.last_rollback) == ("Degraded", verdict)
    assert world.routed()["v1"] == 100


def test_a_lost_status_is_no_release_of_what_the_spec_names() -> None:
    world = serving()
    world.want("v22")
    world.run(3)
    world.root["status"] = {}
    world.run(30)
    assert world.routed() == {"v1": 100}
    assert world.state == "Stalled"


def test_a_status_without_stable_but_with_a_candidate_promotes_nobody() -> None:
    world = canary(10)
    del world.root["status"]["stable"]
    world.tick()
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"
    assert world.routed() == {"v1": 100, "v2": 0}


def test_commands_of_the_time_before_a_lost_status_are_spent() -> None:
    world = canary(10)
    world.annotate("slipway.dev/promote-full", "v2@then")
    world.root["status"] = {}
    world.run(35)
    assert world.status.percent <= 10
    assert [command.outcome for command in world.status.commands] == ["Stale"]


# The route is old


def test_a_cached_route_that_looks_right_but_is_older_than_our_last_write_confirms_nothing() -> None:
    """As a new leader may see it: traffic went away and came back, and the cache still shows the time before."""
    world = canary(10)
    old = copy.deepcopy(world.objects["HTTPRoute", ROLLOUT])
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.run(2)
    world.broken.clear()
    world.kubelet()
    world.reconcile()
    assert world.status.percent == 10
    world.objects["HTTPRoute", ROLLOUT] = old
    world.kubelet()
    plan = world.room.plan(world.root, world, world.facts, world.now)
    assert "stepStartedAt" not in plan.status
    world.run(3)
    assert world.status.step_started_at is not None


def test_an_old_route_without_weight_begins_no_drain() -> None:
    world = serving()
    world.want("v2")
    world.tick()
    world.kubelet()
    before = copy.deepcopy(world.objects["HTTPRoute", ROLLOUT])
    for _ in range(50):
        world.tick()
        world.now += SECOND
        route = world.objects["HTTPRoute", ROLLOUT]
        if world.status.percent == 0 and any(r["weight"] == 0 for r in route["spec"]["rules"][0]["backendRefs"]):
            before = copy.deepcopy(route)
        if world.status.percent == 10:
            break
    world.annotate("slipway.dev/abort", "v2")
    world.reconcile()
    world.objects["HTTPRoute", ROLLOUT] = before
    plan = world.room.plan(world.root, world, world.facts, world.now)
    assert "retiringSince" not in plan.status


# History, and the way back


def test_history_tells_who_served_and_who_tried() -> None:
    world = released(serving(), "v2")
    world.behaves["v3"] = Behaviour(failing_percent=40)
    world.want("v3")
    world.until("Degraded")
    told = [(entry.version, entry.outcome) for entry in world.status.history]
    assert told == [("v3", "RolledBack"), ("v2", "Stable"), ("v1", "Replaced")]
    newest = world.status.history[0]
    assert newest.promoted_at is None
    assert newest.replaced_at is not None


def test_history_is_bounded_and_keeps_what_served() -> None:
    world = released(serving(), "v2")
    for number in range(16):
        world.want("v3")
        world.run(2)
        world.want("v2")
        world.run(15)
        assert number < 16
    assert len(world.status.history) == 16
    assert {entry.version for entry in world.status.history if entry.outcome != "Withdrawn"} == {"v1", "v2"}


def test_a_version_inside_the_window_returns_without_analysis() -> None:
    world = released(serving(**WINDOW), "v2")
    world.prometheus = False
    world.want("v1")
    seen: list[dict[str, int]] = []
    for _ in range(40):
        world.tick()
        if not seen or seen[-1] != world.routed():
            seen.append(world.routed())
        world.now += SECOND
    assert seen == [{"v2": 100}, {"v2": 0, "v1": 100}, {"v1": 100}], "all traffic at once, with warm pods"
    assert world.state == "Healthy"
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"
    assert world.asked == ()
    assert world.status.analysis == []
    started = next(event.message for event in world.events if event.reason == "CandidateStarted")
    assert "returns without analysis" in started


def test_a_returning_version_waits_for_its_pods_and_may_fail_to_come_up() -> None:
    world = released(serving(**WINDOW), "v2")
    world.broken["v1"] = waiting("ImagePullBackOff")
    world.want("v1")
    world.run(100)
    assert world.routed()["v2"] == 100
    world.run(60)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "ProgressDeadlineExceeded"


def test_it_returns_with_the_images_that_it_was_judged_with() -> None:
    world = released(serving(**WINDOW), "v2")
    images = world.settings.images.model_copy(update={"serve_llamacpp": "engine:2"})
    world.room.settings = world.settings.model_copy(update={"images": images})
    world.want("v1")
    world.until("Healthy")
    world.run(20)
    assert engines(world) == {"engine:1"}


@pytest.mark.parametrize(
    "spec", [{}, {"rollbackWindow": {"revisions": 1}}], ids=["no window", "beyond the window of one"]
)
def test_outside_the_window_a_version_earns_its_traffic(spec: dict[str, Any]) -> None:
    world = released(serving(**spec), "v2", "v3")
    world.want("v1")
    world.until("Healthy")
    assert "StepPassed" in world.reasons()


def test_a_version_that_failed_does_not_return_by_the_window() -> None:
    world = serving(**WINDOW)
    world.behaves["v2"] = Behaviour(failing_percent=40)
    world.want("v2")
    world.until("Degraded")
    released(world, "v3")
    world.want("v2")
    world.run(60)
    assert world.state == "Degraded"
    assert world.routed() == {"v3": 100}


def test_a_version_that_was_stable_and_failed_since_is_judged_when_it_is_retried() -> None:
    world = released(serving(), "v2")
    world.behaves["v1"] = Behaviour(failing_percent=40)
    world.want("v1")
    world.until("Degraded")
    first = world.status.last_rollback
    world.want("v1", **WINDOW)
    world.annotate("slipway.dev/retry", "v1@1")
    world.run(60)
    assert world.routed() == {"v2": 100}
    assert world.status.last_rollback != first, "tried again, and judged again"


def returning() -> World:
    """Return a world in which v1 warms up to return without analysis."""
    world = released(serving(**WINDOW), "v2")
    world.want("v1")
    world.reconcile()
    assert world.status.candidate is not None
    assert world.status.candidate.unjudged
    return world


def test_a_return_without_analysis_takes_no_steps_when_they_are_edited() -> None:
    world = returning()
    steps = [{"percent": 20, "holdSeconds": 300}, {"pause": {}}]
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": steps}}})
    world.run(10)
    assert (world.state, world.routed()["v1"]) == ("Healthy", 100)


def test_a_return_whose_window_is_taken_away_is_judged() -> None:
    world = returning()
    world.behaves["v1"] = Behaviour(failing_percent=40)
    world.edit({name: value for name, value in world.root["spec"].items() if name != "rollbackWindow"})
    world.until("Degraded")
    assert world.routed()["v2"] == 100
    assert "earns" in " ".join(event.message for event in world.events)


def test_pods_are_found_by_one_selector_for_autoscalers() -> None:
    world = canary(50)
    labels = [pod["metadata"]["labels"] for pods in world.pods.values() for pod in pods]
    uid, revision = world.status.selector.split(",")
    key, value = uid.split("=")
    assert labels
    assert all(found[key] == value and revision in found for found in labels)


def test_a_scaled_rollout_keeps_its_step() -> None:
    world = canary(50)
    world.annotate("slipway.dev/pause", "v2")
    world.tick()
    for replicas in (6, 1, 4):
        world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": replicas}})
        world.run(3)
        assert (world.status.step, world.status.percent) == (1, 50)
        assert world.replicas()["v1"] == replicas
    world.annotate("slipway.dev/abort", "v2")
    world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": 8}})
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.replicas()["v1"] == 8


def engines(world: World) -> set[str]:
    return {
        obj["spec"]["template"]["spec"]["containers"][0]["image"]
        for (kind, _), obj in world.objects.items()
        if kind == "Deployment"
    }


# The operator died between a status and what follows it


def given_weight_by_hand(world: World, service: str) -> World:
    """Give `service` one of hundred requests, as `kubectl edit httproute` does."""
    for rule in world.objects["HTTPRoute", ROLLOUT]["spec"]["rules"]:
        others = [backend for backend in rule["backendRefs"] if backend["name"] != service]
        rule["backendRefs"] = [*others, {**others[0], "name": service, "weight": 1}]
    return world


def drained_but_not_deleted() -> tuple[World, str]:
    """Return a world in which v2 was rolled back, drained and is still there, and the name of its Service."""
    world = judged_bad(canary(50))
    world.tick()
    objects, pods = copy.deepcopy(world.objects), copy.deepcopy(world.pods)
    world.until("Degraded")
    assert world.status.retiring == []
    world.objects, world.pods = objects, pods
    return world, next(name for kind, name in objects if kind == "Service" and world.version_of(name) == "v2")


def test_what_no_status_names_goes_at_once_where_nobody_gave_it_requests() -> None:
    world, _ = drained_but_not_deleted()
    world.tick()
    assert set(world.replicas()) == {"v1"}


def test_what_no_status_names_drains_anew_where_somebody_gave_it_requests() -> None:
    world = given_weight_by_hand(*drained_but_not_deleted())
    world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert [ref.version for ref in world.status.retiring] == ["v2"]
    assert world.status.retiring_since is None, "the gateway has not taken the route yet"
    world.run(8)
    assert set(world.replicas()) == {"v1", "v2"}
    world.run(10)
    assert set(world.replicas()) == {"v1"}
    assert world.state == "Degraded"


def test_what_drains_anew_is_not_forgotten_when_the_next_candidate_fails() -> None:
    world, service = drained_but_not_deleted()
    left = {key: copy.deepcopy(world.objects[key]) for key in world.objects if key[1].startswith(service)}
    world.want("v3")
    while world.status.percent == 0:
        world.tick()
        world.now += SECOND
    world.objects |= left
    given_weight_by_hand(world, service).reconcile()
    assert [ref.version for ref in world.status.retiring] == ["v2"]
    world.behaves["v3"] = Behaviour(failing_percent=40)
    while world.status.candidate is not None:
        world.reconcile()
        world.scrape()
        world.now += SECOND
    assert [ref.version for ref in world.status.retiring] == ["v2", "v3"]
    assert set(world.replicas()) == {"v1", "v2", "v3"}


def test_what_drains_keeps_its_service_where_its_deployment_is_not_seen() -> None:
    world = judged_bad(canary(50))
    [gone] = [name for kind, name in world.objects if kind == "Deployment" and world.version_of(name) == "v2"]
    del world.objects["Deployment", gone]
    world.reconcile()
    assert ("Service", gone) in world.objects, "the gateway may still send to it"
    assert world.routed() == {"v1": 100, gone: 0}
    world.until("Degraded")
    world.run(1)
    assert not [key for key in world.objects if key[1].startswith(gone)]
