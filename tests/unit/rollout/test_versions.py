"""Which versions may serve, and what is told about the others?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from slipway.api.conditions import find
from slipway.plan import Answer, Facts
from tests.unit.rollout.world import ROLLOUT, START, Behaviour, World, canary, model_version, serving

SAFE_ONLY = {"uri": "s3://models/v2/", "digest": "sha256:" + "0" * 64, "formats": ["SafeTensors"]}

UNUSABLE = [
    (None, "VersionNotFound", "create it"),
    (model_version("v2", "Rejected"), "VersionRejected", "gets no traffic"),
    (model_version("v2", "Failed"), "VersionFailed", "gets no traffic"),
    (model_version("v2", model="other"), "ModelMismatch", "correct spec.version.name"),
    (model_version("v2", artifact=SAFE_ONLY), "FormatMissing", "export GGUF"),
    (model_version("v2", artifact={}), "VersionInvalid", "recreate it"),
]


@pytest.mark.parametrize(("version", "reason", "cure"), UNUSABLE)
def test_a_version_that_cannot_serve_stalls_and_moves_no_traffic(version, reason, cure) -> None:  # type: ignore[no-untyped-def]
    world = serving()
    world.versions.pop("v2")
    if version is not None:
        world.versions["v2"] = version
    route = world.objects["HTTPRoute", "assistant"]
    world.want("v2")
    world.run(60)
    assert world.state == "Stalled"
    [stalled] = [c for c in world.status.conditions if c.type == "Stalled"]
    assert stalled.status == "True"
    assert stalled.reason == reason
    assert cure in world.status.message
    assert "v1 at 100 %" in world.status.message
    assert world.objects["HTTPRoute", "assistant"] is route, "not even written again"
    assert world.replicas() == {"v1": 2}
    assert world.reasons() == [reason], "told once"
    assert world.plan_made is not None
    assert world.plan_made.requeue_after is None, "no retry loop"


@pytest.mark.parametrize(("version", "reason", "cure"), UNUSABLE)
def test_it_stalls_as_the_first_version_too(version, reason, cure) -> None:  # type: ignore[no-untyped-def]
    world = World("v2")
    world.versions.pop("v2")
    if version is not None:
        world.versions["v2"] = version
    world.run(10)
    assert world.state == "Stalled"
    assert "Nothing serves yet" in world.status.message
    assert world.objects == {}


@pytest.mark.parametrize("state", ["Pending", "Evaluating", "AwaitingRatings"])
def test_a_version_that_is_not_ready_is_waited_for(state: str) -> None:
    world = serving()
    world.versions["v2"] = model_version("v2", state)
    world.want("v2")
    world.run(60)
    assert world.state == "Pending"
    assert f"which is {state}" in world.status.message
    assert world.routed() == {"v1": 100}
    world.versions["v2"] = model_version("v2")
    world.until("Healthy")


def test_the_cure_cures() -> None:
    world = serving()
    world.want("v9")
    world.run(5)
    assert world.state == "Stalled"
    world.want("v1")
    world.tick()
    assert world.state == "Healthy"


def test_a_misspelt_version_leaves_a_candidate_where_it_is() -> None:
    world = canary(10)
    world.want("v22")
    world.run(200)
    assert world.routed() == {"v1": 90, "v2": 10}
    assert world.state == "Stalled"
    world.want("v2")
    world.until("Healthy")


def test_a_candidate_whose_version_is_rejected_loses_its_traffic() -> None:
    world = canary(10)
    world.versions["v2"] = model_version("v2", "Rejected")
    world.tick()
    assert world.routed() == {"v1": 100, "v2": 0}
    assert "Withdrawn" in world.reasons()


def test_stable_serves_on_whatever_becomes_of_its_version() -> None:
    for version in (None, model_version("v1", "Rejected"), model_version("v1", "Pending")):
        world = serving()
        world.versions.pop("v1")
        if version is not None:
            world.versions["v1"] = version
        world.run(30)
        assert world.state == "Healthy"
        assert world.routed() == {"v1": 100}


def test_a_change_of_a_version_wakes_the_rollouts_that_name_it() -> None:
    world = serving()
    assert [key.name for key in world.room.wakes(world.versions["v1"], world)] == ["assistant"]
    assert list(world.room.wakes(world.versions["v2"], world)) == []
    before = world.versions["v1"]
    judged, staged = ({**before, "status": {**before["status"], **news}} for news in ({"state": "X"}, {"stage": "X"}))
    assert [key.name for key in world.room.wakes(judged, world, before)] == ["assistant"]
    assert list(world.room.wakes(staged, world, before)) == [], "the stage is what Rollouts say of it"
    assert list(world.room.wakes({"kind": "Dataset", "metadata": {"name": "v1", "namespace": "games"}}, world)) == []


def test_pods_keep_their_network_policy_when_no_template_can_be_read() -> None:
    world = serving()
    world.want("v9")
    world.tick()
    for key in [key for key in world.objects if key[0] == "ControllerRevision"]:
        del world.objects[key]
    world.run(3)
    assert ("NetworkPolicy", ROLLOUT) in world.objects
    assert world.routed() == {"v1": 100}


def test_a_stable_that_nobody_knows_how_to_make_again_says_so_and_how_it_returns() -> None:
    world = canary(50)
    world.behaves["v2"] = Behaviour(failing_percent=100)
    world.until("Degraded")
    for kind, name in [key for key in world.objects if key[0] in ("ControllerRevision", "Deployment")]:
        del world.objects[kind, name]
    world.run(3)
    assert world.state == "Degraded"
    assert "v1 is stable and has no ready pod: its ControllerRevision is gone" in world.status.message
    world.want("v1")
    world.until("Healthy")
    assert world.replicas() == {"v1": 2}


def gateways(world: World) -> list[str]:
    return [ref["name"] for ref in world.objects["HTTPRoute", ROLLOUT]["spec"]["parentRefs"]]


def test_a_gateway_that_never_took_the_route_is_not_healthy() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(30)
    assert world.state == "Initializing"
    assert "waiting for Gateway gateways/slipway to accept" in world.status.message
    world.absent.clear()
    world.until("Healthy")


def test_a_gateway_that_never_takes_the_first_route_is_told_of_after_the_deadline_with_the_cause_and_the_cure() -> None:
    world = World()
    world.absent = {"slipway"}
    world.until("Degraded", 130)
    [ready, reconciling, _] = world.status.conditions
    assert (ready.status, ready.reason) == ("False", "ProgressDeadlineExceeded")
    assert (reconciling.type, reconciling.status) == ("Reconciling", "True"), "it is waited for all the same"
    assert world.status.message.startswith(
        "Gateway gateways/slipway has not accepted HTTPRoute assistant within 120 s, so no request comes through it: "
        "Gateway gateways/slipway does not exist: create it. A listener of it has to allow routes from namespace games"
    )
    assert "allowedRoutes" in world.status.message
    assert [event.type for event in world.events if event.reason == "ProgressDeadlineExceeded"] == ["Warning"]
    writes = world.writes
    world.run(300)
    assert world.writes == writes, "nothing turns in circles"
    world.absent.clear()
    world.until("Healthy", 5)


def missing(world: World) -> str:
    found = find(world.status.conditions, "GatewayNotFound")
    return found.message if found is not None else ""


def test_a_gateway_that_does_not_exist_is_told_of_within_seconds_by_a_condition_with_the_cure() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(8)
    assert not missing(world), "people apply a Gateway beside its Rollouts"
    world.run(10)
    assert missing(world) == (
        "Gateway gateways/slipway does not exist: create it; until then no request comes through it"
    )
    world.run(300)
    assert missing(world)
    assert [event.type for event in world.events if event.reason == "GatewayNotFound"] == ["Warning"]
    world.absent.clear()
    world.until("Healthy", 5)
    assert not missing(world)


def test_a_gateway_that_does_not_exist_is_told_of_where_an_edit_names_it() -> None:
    world = serving()
    world.absent = {"nobody"}
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "nobody"}, "hostnames": ["a.example"]}})
    world.run(20)
    assert missing(world) == (
        "Gateway games/nobody does not exist: create it; until then requests come through Gateway gateways/slipway "
        "as before"
    )
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "another"}, "hostnames": ["a.example"]}})
    world.until("Healthy")
    assert not missing(world)


def test_a_gateway_that_is_there_by_now_is_looked_at_within_a_minute() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(20)
    assert missing(world)
    world.absent.clear()
    world.run_unheard(61)  # its controller does not run yet
    assert not missing(world)


def test_a_look_that_finds_nothing_out_changes_nothing() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(20)
    told, writes = missing(world), world.writes
    for _ in range(70):
        world.kubelet()
        away = Answer(world.now, error="the apiserver cannot be reached")
        world.facts = Facts({ask.id: away for ask in world.due})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (missing(world), world.writes) == (told, writes)


def test_the_time_of_a_gateway_begins_with_the_edit_that_names_it() -> None:
    world = World()
    world.absent = {"slipway", "another"}
    world.run(100)
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "another"}, "hostnames": ["a.example"]}})
    world.run(8)
    assert not missing(world), "people apply a Gateway beside its Rollouts"
    world.run(100)
    assert (world.state, bool(missing(world))) == ("Initializing", True)
    world.until("Degraded", 20)
    assert "within 120 s" in world.status.message


@pytest.mark.parametrize("together", [True, False])
def test_a_gateway_that_does_not_exist_is_told_of_while_a_release_is_on_its_way_which_waits(together: bool) -> None:
    world = serving() if together else canary(10)
    world.absent = {"nobody"}
    traffic = {**world.root["spec"]["traffic"], "gateway": {"name": "nobody"}}
    world.want("v2", traffic=traffic)
    world.run(300)
    assert missing(world).startswith("Gateway games/nobody does not exist")
    assert world.routed().get("v2", 0) <= 10
    assert sum(world.live.values()) == pytest.approx(100)
    assert [event.type for event in world.events if event.reason == "GatewayNotFound"] == ["Warning"]
    world.absent.clear()
    world.until("Healthy")
    assert world.routed()["v2"] == 100


def test_a_return_without_analysis_waits_for_no_gateway() -> None:
    world = serving(rollbackWindow={"revisions": 2})
    world.want("v2")
    world.until("Healthy")
    world.run(20)
    world.absent = {"nobody"}
    world.edit(world.root["spec"] | {"traffic": {**world.root["spec"]["traffic"], "gateway": {"name": "nobody"}}})
    world.run(20)
    assert missing(world)
    world.want("v1")
    world.run(60)
    assert world.routed()["v1"] == 100


def test_who_waits_for_a_gateway_that_does_not_exist_says_so() -> None:
    world = canary(10)
    world.absent = {"nobody"}
    world.edit(world.root["spec"] | {"traffic": {**world.root["spec"]["traffic"], "gateway": {"name": "nobody"}}})
    world.run(200)
    assert "waiting for Gateway games/nobody before its share rises (condition GatewayNotFound)" in world.status.message


def test_what_is_told_of_a_gateway_does_not_come_and_go_with_operators() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(20)
    writes = world.writes
    world.facts, world.asked = Facts(), ()
    world.run(20)
    assert (bool(missing(world)), world.writes) == (True, writes)


def test_it_is_told_at_the_deadline() -> None:
    world = World()
    world.absent = {"slipway"}
    world.run(3)
    plan = world.reconcile()
    assert plan.requeue_after is not None
    deadline = world.now + plan.requeue_after
    assert timedelta(seconds=115) < deadline - START <= timedelta(seconds=123)
    world.now = deadline - timedelta(seconds=1)
    world.scrape()
    world.reconcile()
    assert world.state == "Initializing"
    world.now = deadline
    world.reconcile()
    assert world.state == "Degraded"
    assert "does not exist" in world.status.message


def test_a_gateway_whose_controller_says_nothing_is_told_apart_from_one_that_is_not_there() -> None:
    world = World()
    world.run_unheard(140)
    assert world.state == "Degraded"
    assert "comes through it: it exists, but its controller has not answered" in world.status.message


def test_what_was_told_stays_when_an_operator_starts_and_is_looked_at_again() -> None:
    world = World()
    world.absent = {"slipway"}
    world.until("Degraded", 130)
    before, writes = world.status.message, world.writes
    world.facts, world.asked = Facts(), ()
    world.reconcile()
    assert (world.status.message, world.writes) == (before, writes)
    assert len(world.due) == 1, "it is asked again at once"
    world.tick()
    assert world.writes == writes


def test_an_edit_while_the_gateway_is_waited_for_is_not_healthy_for_a_moment() -> None:
    world = World()
    world.absent = {"slipway", "another"}
    world.until("Degraded", 130)
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "another"}, "hostnames": ["a.example"]}})
    states = set()
    for _ in range(20):
        world.tick()
        states.add(world.state)
        world.now += timedelta(seconds=1)
    assert states == {"Initializing"}, "its time begins anew"
    world.until("Degraded", 130)
    assert "Gateway games/another has not accepted" in world.status.message
    world.absent.clear()
    world.until("Healthy", 5)


def test_an_edit_that_names_a_gateway_that_is_not_there_takes_no_traffic_away() -> None:
    world = serving()
    world.absent = {"nobody"}
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "nobody"}, "hostnames": ["a.example"]}})
    world.run(30)
    assert world.state == "Degraded"
    assert world.status.message.startswith("requests come through Gateway gateways/slipway as before; waiting for")
    assert "Gateway games/nobody to accept" in world.status.message
    assert gateways(world) == ["nobody", "slipway"]
    assert sum(world.live.values()) == 100
    assert [event.type for event in world.events if event.reason == "RoutePending"] == ["Warning"]
    writes = world.writes
    world.run(60)
    assert world.writes == writes, "nothing turns in circles"


def test_a_gateway_that_takes_the_route_over_has_it_alone() -> None:
    world = serving()
    world.edit(world.root["spec"] | {"traffic": {"gateway": {"name": "another"}, "hostnames": ["a.example"]}})
    world.reconcile()
    assert gateways(world) == ["another", "slipway"]
    world.until("Healthy")
    world.run(5)
    assert gateways(world) == ["another"]
    assert sum(world.live.values()) == 100


def test_an_edit_that_is_taken_back_leaves_nothing_of_the_gateway_that_was_not_there() -> None:
    world = serving()
    world.absent = {"nobody"}
    before = dict(world.root["spec"])
    world.edit(before | {"traffic": {**before["traffic"], "gateway": {"name": "nobody"}}})
    world.run(10)
    world.edit(before)
    world.until("Healthy")
    world.run(5)
    assert gateways(world) == ["slipway"]
