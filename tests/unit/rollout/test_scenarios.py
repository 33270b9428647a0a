"""Do the named scenarios go as they should?

The 25 that other rollout tools were measured by, and those that hurt their users, each told once from beginning to end
in the world of tests/world: the operator's own engine and rules, in virtual time, with every safety rule checked after
every event.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.rollout.argo import health
from tests.unit.rollout.world import World as Beside
from tests.world.apiserver import Trouble
from tests.world.prometheus import Behaviour
from tests.world.world import World, steps


def serving(**spec: Any) -> World:
    """Return a world in which v1 serves, healthy."""
    world = World(**spec)
    world.until_state("Healthy")
    return world


def canary(percent: int = 10, **spec: Any) -> World:
    """Return a world in which v2 has `percent`, confirmed by the gateway."""
    world = serving(**spec)
    world.want("v2")
    world.until(lambda: world.status.percent == percent and world.status.step_started_at is not None)
    return world


def baking(**spec: Any) -> World:
    """Return a world in which v2 bakes."""
    world = serving(**spec)
    world.want("v2")
    world.until_state("Baking")
    return world


def stable(world: World) -> str:
    found = world.status.stable
    return found.version if found is not None else ""


def failing(world: World, version: str, percent: float = 100.0) -> None:
    world.prometheus.account()
    world.prometheus.behaves[version] = Behaviour(failing_percent=percent)


ERRORS = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}}
ANALYSIS = {"intervalSeconds": 5, "windowSeconds": 20, "noData": {"afterSeconds": 30}}
TRAFFIC = {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": ["assistant.example"]}


def promoted(world: World, version: str) -> bool:
    return stable(world) == version and world.state == "Healthy"


# 1 to 9: canary, commands, judgement


def test_01_a_good_version_goes_through_its_steps_with_the_pods_it_was_judged_with() -> None:
    world, shares = serving(), []
    world.want("v2")
    pods: set[str] = set()
    world.until(lambda: bool(shares.append(world.status.percent)) or world.state == "Baking")
    pods = set(world.pods_of("v2"))
    world.until(lambda: promoted(world, "v2"))
    assert sorted(set(shares)) == [0, 10, 50, 100]
    assert shares == sorted(shares)
    assert pods <= set(world.pods_of("v2"))
    assert world.prometheus.lost == 0


def test_02_a_pause_waits_for_promote_and_goes_on_with_the_next_step_only() -> None:
    paused = {"canary": {"steps": [{"percent": 10, "holdSeconds": 5}, {"pause": {}}, {"percent": 50}]}}
    world = serving(strategy=paused)
    world.want("v2")
    world.until_state("Paused")
    world.run(120)
    assert (world.state, world.status.percent) == ("Paused", 10)
    assert health(world.root)[0] == "Suspended", "in Argo CD"
    world.annotate("promote", "v2")
    world.until(lambda: world.status.percent == 50)
    world.run(30)
    assert (world.state, world.status.percent) == ("Progressing", 50)


def test_03_promote_full_cancels_the_analysis_and_waits_for_pods() -> None:
    world = canary(10)
    world.until(lambda: bool(world.status.analysis))
    world.nodes.turn("v2", "Slow")
    world.annotate("promote-full", "v2")
    world.until(lambda: "PromotedInFull" in world.reasons(), 2)
    assert {entry.outcome for entry in world.status.analysis} == {"Cancelled"}
    assert world.status.percent == 10
    world.until(lambda: world.status.percent == 100)
    assert world.nodes.endpoints(f"assistant-{world.status.candidate.revision}")  # type: ignore[union-attr]
    world.until(lambda: promoted(world, "v2"))


def test_04_abort_retry_and_promotion_of_the_same_revision_with_fresh_analysis() -> None:
    world = canary(50)
    revision = world.status.candidate.revision  # type: ignore[union-attr]
    world.annotate("abort", "v2")
    world.until(lambda: world.routed().get("v2", 0) == 0, 1.0)
    world.until_state("Degraded")
    assert world.status.failed[0].reason == "Aborted"
    world.annotate("retry", "v2")
    world.until(lambda: world.status.candidate is not None)
    assert (world.status.candidate.revision, world.status.analysis) == (revision, [])  # type: ignore[union-attr]
    world.until(lambda: promoted(world, "v2"))


@pytest.mark.parametrize("forgiven", [0, 2])
def test_05_a_metric_that_fails_once_too_often_returns_all_traffic_and_leaves_stable_alone(forgiven: int) -> None:
    world = canary(50, analysis=ANALYSIS | {"metrics": [ERRORS | {"failureLimit": forgiven}]})
    before = world.pods_of("v1")
    failing(world, "v2")
    failures: list[int] = []
    world.until(lambda: bool(failures.append(world.status.analysis[0].failures)) or world.state == "RollingBack", 40)
    assert max(failures) == forgiven + 1, "as many in a row are forgiven as the spec says, and no more"
    assert world.routed() == {"v1": 100, "v2": 0}
    world.until_state("Degraded")
    assert "MetricFailed" in world.status.message
    assert "errors failed" in world.status.message
    assert re.search(r"[0-9.]+ % \(\d+ of \d+ requests in \d+ s\) failed, allowed 2 %", world.status.message)
    world.until(lambda: "v2" not in world.replicas())
    assert world.pods_of("v1") == before
    assert world.prometheus.lost == 0


def test_06_silence_pauses_where_the_policy_says_so_and_resume_goes_on() -> None:
    world = canary(10)
    world.edit(analysis=world.spec["analysis"] | {"noData": {"afterSeconds": 10, "action": "Pause"}})
    world.prometheus.up = False
    world.until_state("Paused")
    assert world.status.percent == 10
    world.prometheus.up = True
    world.run(60)
    assert world.state == "Paused"
    world.annotate("resume", "v2")
    world.until(lambda: promoted(world, "v2"))


def test_07_an_unreachable_prometheus_holds_then_follows_the_policy_and_recovery_clears_it() -> None:
    world = canary(10)
    world.prometheus.up = False
    world.run(25)
    assert (world.status.percent, world.status.analysis[0].outcome) == (10, "Error")
    world.prometheus.up = True
    world.until(lambda: promoted(world, "v2"))
    strict = canary(10)
    strict.edit(analysis=strict.spec["analysis"] | {"noData": {"afterSeconds": 20, "action": "Rollback"}})
    strict.prometheus.up = False
    strict.until(lambda: "RolledBack" in strict.reasons(), 60)
    assert strict.status.last_rollback is not None
    assert strict.status.last_rollback.reason == "NoData"


def test_07_errors_below_their_limit_hold_and_are_shown_and_recovery_clears_their_count() -> None:
    def limited() -> World:
        policy = {"noData": {"afterSeconds": 600, "action": "Pause"}, "metrics": [ERRORS | {"errorLimit": 2}]}
        world = canary(10, analysis=ANALYSIS | policy | {"intervalSeconds": 10})
        world.prometheus.up = False
        world.until(lambda: any(entry.errors == 2 for entry in world.status.analysis))
        return world

    world = limited()
    assert (world.status.percent, world.state) == (10, "Progressing")
    assert "connection refused" in world.status.message
    world.prometheus.up = True
    world.until(lambda: world.status.analysis[0].errors == 0)
    world.until(lambda: promoted(world, "v2"))
    worse = limited()
    worse.until_state("Paused", limit=20)
    assert (worse.status.percent, worse.status.analysis[0].errors) == (10, 3)


NOTHING = {"empty": "no_such_series", "NaN": "sum(no_such_series or envoy_server_uptime * 0) / 0"}


@pytest.mark.parametrize("query", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize(("action", "state"), [("Hold", "Progressing"), ("Pause", "Paused"), ("Rollback", "Degraded")])
def test_08_an_empty_answer_is_no_data_and_never_success(query: str, action: str, state: str) -> None:
    policy = {"noData": {"afterSeconds": 20, "action": action}}
    silent = {"name": "quality", "prometheus": {"query": query, "min": "0"}}
    world = serving(analysis=ANALYSIS | policy | {"metrics": [ERRORS, silent]})
    world.want("v2")
    world.until(lambda: len(world.status.analysis) == 2)
    found = {entry.metric: entry.outcome for entry in world.status.analysis}
    assert found["quality"] == "NoData"
    world.run(120)
    assert (world.state, world.status.percent) == (state, 0 if action == "Rollback" else 10)
    assert "quality" in world.status.message
    assert stable(world) == "v1"


def test_08_no_traffic_is_no_data_and_never_success() -> None:
    world = canary(10)
    world.prometheus.requests_per_second = 0
    world.run(300)
    assert (world.status.percent, world.status.step) == (10, 0)
    assert world.status.analysis[0].outcome in ("NoData", "TooFewSamples")
    assert "errors" in world.status.message


def test_09_few_requests_give_no_verdict() -> None:
    world = serving()
    world.prometheus.requests_per_second = 2
    failing(world, "v2", 30)
    world.want("v2")
    world.until(lambda: world.status.percent == 10)
    world.run(60)
    assert {entry.outcome for entry in world.status.analysis} <= {"TooFewSamples", "NoData"}
    assert world.status.percent == 10
    assert world.status.last_rollback is None
    world.prometheus.requests_per_second = 60
    world.until(lambda: "RolledBack" in world.reasons(), 60)
    assert world.routed() == {"v1": 100, "v2": 0}, "with the samples comes the verdict"


# 10 to 13: blue-green, return, rollback window

BLUE_GREEN = {"blueGreen": {"previewHostnames": ["preview.example"], "holdSeconds": 10, "scaleDownDelaySeconds": 60}}


def test_10_blue_green_that_fails_on_its_preview_never_gets_users() -> None:
    world = serving(strategy=BLUE_GREEN)
    failing(world, "v2")
    world.want("v2")
    world.until(lambda: "RolledBack" in world.reasons())
    world.run(30)
    assert world.prometheus.users.get("v2", 0) == 0
    assert world.live() == {"v1": 100}


def test_11_blue_green_that_fails_after_the_switch_goes_back_without_a_lost_request() -> None:
    world = serving(strategy=BLUE_GREEN)
    world.want("v2")
    world.until(lambda: world.live() == {"v2": 100})
    failing(world, "v2")
    world.until(lambda: world.live() == {"v1": 100}, 20)
    assert world.state in ("RollingBack", "Degraded")
    assert world.prometheus.lost == 0


def test_12_the_old_version_returns_at_once_while_it_is_warm() -> None:
    world = serving(strategy=BLUE_GREEN)
    world.want("v2")
    world.until(lambda: promoted(world, "v2"))
    pods = world.pods_of("v1")
    world.want("v1")
    world.until(lambda: world.live() == {"v1": 100}, 5)
    assert world.pods_of("v1") == pods
    assert promoted(world, "v1")
    assert world.status.analysis == []


def test_13_a_return_inside_the_rollback_window_is_not_judged_one_outside_is() -> None:
    for window, judged in (({"revisions": 1}, False), (None, True)):
        world = serving(**({"rollbackWindow": window} if window else {}))
        world.want("v2")
        world.until(lambda world=world: promoted(world, "v2"))  # type: ignore[misc]
        world.run(30)
        world.want("v1")
        begun = world.now
        world.until(lambda world=world: world.live() == {"v1": 100})  # type: ignore[misc]
        assert (world.now - begun > 20) == judged


# 14 to 20: changes in the middle, broken pods, autoscalers, foreign edits


def test_14_a_third_version_in_the_middle_finds_the_second_gone() -> None:
    world = canary(50)
    world.want("v3")
    world.until(lambda: world.routed().get("v2", 0) == 0, 2)
    world.until(lambda: "v3" in world.replicas())
    assert "v2" not in world.replicas()
    assert world.status.step == 0
    world.until(lambda: promoted(world, "v3"))
    assert world.prometheus.lost == 0


def test_15_all_candidate_pods_lost_means_no_weight_until_some_are_back() -> None:
    world = canary(50)
    world.nodes.turn("v2", "Slow")
    for name in world.pods_of("v2"):
        world.nodes.lose(name)
    world.until(lambda: world.routed().get("v2", 0) == 0, 5)
    world.until(lambda: world.status.percent == 50)
    assert "EndpointsLost" in world.reasons()
    world.until(lambda: promoted(world, "v2"))


def test_16_pods_that_cannot_run_meet_the_deadline_and_the_message_names_their_reason() -> None:
    for fate, words in (("Unschedulable", "nvidia.com/gpu"), ("BadImage", "no such image")):
        world = serving()
        world.nodes.turn("v2", fate)  # type: ignore[arg-type]
        world.want("v2")
        world.until(lambda world=world: world.state == "Degraded", 120)  # type: ignore[misc]
        assert words in world.status.message
        assert world.live() == {"v1": 100}


def test_17_a_good_version_after_a_bad_one_needs_no_manual_step() -> None:
    world = serving()
    failing(world, "v2")
    world.want("v2")
    world.until_state("Degraded")
    world.want("v3")
    world.until(lambda: promoted(world, "v3"))


def test_18_an_autoscaler_in_a_pause_and_in_an_abort_changes_no_step() -> None:
    world = canary(50)
    world.annotate("pause", "v2")
    world.until_state("Paused")
    step = world.status.step
    world.scale(4)
    world.until(lambda: world.replicas()["v1"] == 4)
    assert (world.status.step, world.status.percent, world.state) == (step, 50, "Paused")
    world.annotate("abort", "v2")
    world.scale(6)
    world.until(lambda: world.live() == {"v1": 100}, 10)
    world.until(lambda: world.replicas() == {"v1": 6})


def test_19_without_room_for_both_a_return_is_only_as_fast_as_the_pods_and_never_stuck() -> None:
    tight = {"canary": {"steps": [{"percent": 50, "holdSeconds": 5}], "capacity": {"mode": "NoSurge"}}}
    world = serving(strategy=tight)
    world.want("v2")
    world.until(lambda: world.status.percent == 50 and world.status.step_started_at is not None)
    assert sum(world.replicas().values()) <= 2
    failing(world, "v2")
    world.until(lambda: world.live() == {"v1": 100}, 60)
    world.until(lambda: world.replicas() == {"v1": 2})


def weights_turned(route: dict[str, Any]) -> None:
    for ref in route["spec"]["rules"][0]["backendRefs"]:
        ref["weight"] = 100 - ref["weight"]


def backend_added(route: dict[str, Any]) -> None:
    route["spec"]["rules"][0]["backendRefs"].append({"name": "somebody-elses", "port": 80, "weight": 50})


def rule_added(route: dict[str, Any]) -> None:
    match = {"path": {"type": "PathPrefix", "value": "/admin"}}
    route["spec"]["rules"].insert(0, {"matches": [match], "backendRefs": [{"name": "somebody-elses", "port": 80}]})


def moved_to_another_gateway(route: dict[str, Any]) -> None:
    route["spec"]["parentRefs"] = [{"name": "other", "namespace": "gateways"}]


def host_taken(route: dict[str, Any]) -> None:
    route["spec"]["hostnames"] = ["other.example"]


@pytest.mark.parametrize("edit", [weights_turned, backend_added, rule_added, moved_to_another_gateway, host_taken])
def test_20_an_edited_route_is_restored_by_one_write_and_the_release_goes_on(edit: Callable[..., None]) -> None:
    world = canary(10)
    before = world.gateway.route()
    assert before is not None
    edited = copy.deepcopy(before)
    edit(edited)
    assert edited["spec"] != before["spec"]
    world.route_edited_at = world.now
    writes = world.rules.writes
    world.cluster.put(edited)
    world.until(lambda: (world.gateway.route() or {})["spec"] == before["spec"], 2)
    assert world.rules.writes == writes + 1, "the route, and nothing else"
    assert (world.status.step, world.status.percent) == (0, 10)
    world.until(lambda: promoted(world, "v2"))


def test_20_a_deleted_route_is_there_again_and_a_manifest_applied_again_changes_nothing() -> None:
    world = canary(10)
    before = world.gateway.route()
    assert before is not None
    world.cluster.remove("HTTPRoute", world.namespace, world.name)
    world.until(lambda: world.gateway.route() is not None, 2)
    assert (world.gateway.route() or {})["spec"] == before["spec"]
    world.until(lambda: world.status.step_started_at is not None)
    told = len(world.reasons())
    for _ in range(3):  # as a sync of Argo CD does, with the very spec that was there
        world.edit()
        world.run(0.5)
        assert (world.gateway.route() or {})["spec"] == before["spec"]
    assert len(world.reasons()) == told, "and nothing is told of it"
    world.until(lambda: promoted(world, "v2"))


def test_21_two_rollouts_on_one_host_name_never_route_it_both_and_the_second_waits_its_turn() -> None:
    first, second = Beside(), Beside()
    first.root["metadata"]["creationTimestamp"] = "2026-11-19T00:00:00Z"
    second.root["metadata"] |= {"name": "second", "namespace": "elsewhere", "uid": "uid-second"}
    second.root["metadata"]["creationTimestamp"] = "2026-11-20T00:00:00Z"
    first.rivals, second.rivals = [second.root], [first.root]
    states: list[str] = []

    def together(done: Callable[[], bool]) -> None:
        for _ in range(600):
            for world in (second, first):
                world.tick()
                world.now += timedelta(seconds=1)
            routes = [r for world in (first, second) for (kind, _), r in world.objects.items() if kind == "HTTPRoute"]
            hosts = [host for route in routes for host in route["spec"]["hostnames"]]
            assert len(hosts) == len(set(hosts)), "one host name, two routes"
            states.append(first.state)
            if done():
                return
        raise AssertionError(f"first {first.state}, second {second.state}: {second.status.message}")

    together(lambda: first.state == "Healthy")
    assert (second.state, second.objects) == ("Stalled", {})
    states.clear()
    first.want("v2")
    together(lambda: first.status.stable is not None and first.status.stable.version == "v2")
    assert "Stalled" not in states, "the older one's release notices nothing of the younger"
    assert (second.state, second.objects) == ("Stalled", {})
    traffic = first.root["spec"]["traffic"]
    first.edit(first.root["spec"] | {"traffic": traffic | {"hostnames": ["new.example"]}})
    second.rivals = [first.root]
    first.tick()
    together(lambda: second.state == "Healthy")
    assert second.objects["HTTPRoute", "second"]["spec"]["hostnames"] == ["assistant.example"]
    assert first.objects["HTTPRoute", "assistant"]["spec"]["hostnames"] == ["new.example"]


GONE_WITHIN = 3.0
"""Seconds in which the cluster collects what a deleted Rollout owned, one by one."""


@pytest.mark.parametrize("leads", [True, False], ids=["operator leads", "operator dead"])
@pytest.mark.parametrize("seed", range(5))
def test_22_a_rollout_deleted_in_the_middle_leaves_nothing_whatever_goes_first(seed: int, leads: bool) -> None:
    world = canary(50, seed=seed)
    uid = world.root["metadata"]["uid"]
    assert not world.root["metadata"].get("finalizers"), "nothing holds a deletion up"
    assert {owner for obj in world.cluster.objects.values() for owner in owners(obj)} == {uid}
    if not leads:
        world.leader.die()
        world.standby.die()
    world.prometheus.account()
    assert world.prometheus.lost == 0
    world.delete(GONE_WITHIN)
    world.run(1)  # the operator has heard of it
    written, told = world.rules.writes, world.reasons()
    world.run(GONE_WITHIN + 5)
    assert {kind for kind, _, _ in world.cluster.objects} == {"ModelVersion"}
    assert world.gateway.live == {}, "nobody is sent where nobody is"
    assert (world.rules.writes, world.reasons()) == (written, told), "it mourns nothing and restores nothing"
    lost = world.prometheus.lost
    if not leads:
        world.boot()
    world.run(30)
    assert (world.rules.writes, world.prometheus.lost) == (written, lost)


@pytest.mark.parametrize("pause", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_22_the_next_rollout_of_its_name_begins_anew_also_among_the_remains(seed: int, pause: float) -> None:
    world = canary(50, seed=seed)
    world.annotate("abort", "v2")
    world.until_state("Degraded")
    world.want("v3")
    world.until(lambda: world.status.percent == 50)
    world.delete(GONE_WITHIN)
    world.run(pause)
    world.create()
    uid = world.root["metadata"]["uid"]
    world.until(lambda: promoted(world, "v3") and world.live() == {"v3": 100})
    world.prometheus.account()
    lost = world.prometheus.lost
    world.run(60)
    assert (world.state, world.live(), world.replicas()) == ("Healthy", {"v3": 100}, {"v3": 2})
    assert world.prometheus.lost == lost, "and from then on no request is lost"
    assert {owner for obj in world.cluster.objects.values() for owner in owners(obj)} == {uid}
    assert (world.status.failed, world.status.commands, world.status.last_rollback) == ([], [], None)
    world.want("v2")
    world.until(lambda: promoted(world, "v2"))


def owners(obj: Mapping[str, Any]) -> list[str]:
    return [str(owner["uid"]) for owner in obj["metadata"].get("ownerReferences") or ()]


def under_traffic(world: World, what: Callable[[], None], percent: int, seconds: float = 60.0) -> None:
    """Do something to pods in a pause at `percent`; nobody gets an error, and each version has its share."""
    world.annotate("pause", "v2")
    world.until_state("Paused")
    world.run(5)
    world.prometheus.account()
    before = dict(world.prometheus.users)
    what()
    end = world.now + seconds
    while world.now < end:
        world.run(1)
        for service, weight in world.gateway.live.items():
            assert not weight or world.nodes.endpoints(service), f"{world.version_of(service)} has weight and no pod"
    world.prometheus.account()
    grown = {version: world.prometheus.users.get(version, 0.0) - before.get(version, 0.0) for version in ("v1", "v2")}
    share = 100 * grown["v2"] / sum(grown.values())
    assert world.prometheus.lost == 0
    assert abs(share - percent) <= 10, f"v2 had {share:.1f} % of the requests, {percent} % were intended"
    assert world.status.percent == percent
    world.annotate("resume", "v2")
    world.until(lambda: promoted(world, "v2"))
    assert world.prometheus.lost == 0


FOUR = {"replicas": 4, "runtime": {"llamaCpp": {}}}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_23_a_pod_killed_by_force_costs_no_request_and_no_share(version: str) -> None:
    world = canary(50, serving=FOUR)
    under_traffic(world, lambda: world.nodes.lose(world.pods_of(version)[0]), 50)


def test_23_a_node_that_is_drained_takes_a_pod_of_each_version_along() -> None:
    world = canary(50, serving=FOUR)

    def drained() -> None:
        for version in ("v1", "v2"):
            world.nodes.drain(world.pods_of(version)[0])

    under_traffic(world, drained, 50)


def test_23_pods_that_join_late_get_no_share_before_they_are_ready() -> None:
    world = canary(50, serving=FOUR)

    def scaled() -> None:
        world.nodes.fates["v2"] = "Slow"
        world.edit(serving=FOUR | {"replicas": 8})

    under_traffic(world, scaled, 50)
    assert len(world.pods_of("v2")) == 8


def test_23_a_version_that_leaves_is_served_until_its_last_request() -> None:
    world = canary(50, serving=FOUR)
    left = world.prometheus.users.get("v2", 0.0)
    world.want("v1")
    world.until(lambda: "v2" not in world.replicas())
    world.run(30)
    assert world.live() == {"v1": 100}
    assert world.prometheus.users["v2"] >= left
    assert world.prometheus.lost == 0


def test_23_all_pods_killed_by_force_cost_only_what_is_sent_before_anybody_can_know() -> None:
    world = canary(50, serving=FOUR)
    world.nodes.turn("v2", "Slow")
    for name in world.pods_of("v2"):
        world.nodes.lose(name)
    world.until(lambda: world.live() == {"v1": 100}, 6)
    world.prometheus.account()
    lost = world.prometheus.lost
    world.until(lambda: world.status.percent == 50)
    world.until(lambda: promoted(world, "v2"))
    assert world.prometheus.lost == lost


def revision(world: World, version: str) -> str:
    [found] = {
        str(pod["metadata"]["labels"]["slipway.dev/revision"])
        for pod in world.nodes.all()
        if pod["metadata"]["labels"]["slipway.dev/version"] == version
    }
    return found


def test_24_a_sticky_user_moves_once_at_most_and_a_rollback_moves_everyone_back() -> None:
    world = serving(traffic=TRAFFIC | {"sticky": {}})
    users = [f"{number:02d}" for number in range(100)]
    world.want("v2")
    before: set[str] = set()
    for percent in (10, 50):
        world.until(lambda percent=percent: world.status.percent == percent)  # type: ignore[misc]
        world.run(1)
        moved = {user for user in users if world.answers(user) == "v2"}
        assert len(moved) == percent
        assert before <= moved
        before = moved
    failing(world, "v2")
    world.until(lambda: {world.answers(user) for user in users} == {"v1"}, 20)
    world.run(60)
    assert {world.answers(user) for user in users} == {"v1"}


@pytest.mark.parametrize("swap", [False, True], ids=["killed", "leader swapped"])
@pytest.mark.parametrize("bad", [False, True], ids=["promotion", "rollback"])
def test_25_an_operator_killed_after_any_write_changes_nothing_in_the_end_and_does_nothing_twice(
    bad: bool, swap: bool
) -> None:
    straight = release(bad, 0, swap)
    end = outcome(straight)
    assert straight.rules.writes > 10
    shares = straight.status.route_version
    for write in range(1, straight.rules.writes + 1):
        world = release(bad, write, swap)
        assert outcome(world) == end, f"killed after write {write}"
        assert world.prometheus.lost == 0
        # Who leads at once and has not heard of the pods yet takes a share back for a moment, and gives it again.
        assert world.status.route_version == shares or swap
        for once in ("CandidateStarted", "RolledBack", "Promoted"):
            assert world.reasons().count(once) <= straight.reasons().count(once), f"{once} twice, after {write}"


def outcome(world: World) -> tuple[Any, ...]:
    """Return what became of a release, with everything that was done for it."""
    history = [(entry.version, entry.outcome) for entry in world.status.history]
    failed = [(entry.version, entry.reason) for entry in world.status.failed]
    return (
        *(stable(world), world.state, world.routed(), world.replicas(), history, failed),
        world.nodes._born,  # pods, in all
    )


def release(bad: bool, write: int, swap: bool) -> World:
    """Return the world after a release in which the operator dies, or loses the Lease, after `write` writes."""
    world = World(1, strategy=steps(50, hold=5), bake=5)
    world.until_state("Healthy")
    failing(world, "v2", 100.0 if bad else 0.0)
    before = world.rules.writes
    world.want("v2")
    if write and swap:
        world.until(lambda: world.rules.writes >= before + write, 60, must=False)
        world.hand_over()
    elif write:
        world.crash(write)
    world.until(lambda: world.state == "Degraded" if bad else promoted(world, "v2"))
    world.until(lambda: len(world.replicas()) == 1 and not world.status.retiring)
    world.run(10)
    world.rules.writes -= before
    return world


# Beyond the 25


def test_an_invalid_spec_touches_nothing_and_its_correction_goes_on() -> None:
    world = canary(10)
    before = world.routed()
    good = world.spec["strategy"]
    world.edit(strategy={"canary": {"steps": []}})
    world.until_state("Stalled")
    assert world.routed() == before
    assert "spec" in world.status.message
    world.edit(strategy=good)
    world.until(lambda: promoted(world, "v2"))


def test_the_old_artefact_gone_from_the_store_at_rollback_time_costs_nothing() -> None:
    world = canary(50)
    world.nodes.fates["v1"] = "BadArtefact"  # only pods that start from now on
    world.drop_version("v1")
    failing(world, "v2")
    world.until(lambda: world.live() == {"v1": 100}, 30)
    assert world.prometheus.lost == 0
    assert len(world.pods_of("v1")) == 2


def test_a_gateway_that_never_accepts_is_named_and_nothing_is_promoted() -> None:
    world = World()
    world.gateway.mood = "Absent"
    world.run(120)
    assert world.state in ("Initializing", "Degraded")
    assert "gateways/slipway" in world.status.message
    second = canary(10)
    second.gateway.mood = "Refuses"
    second.run(1)
    second.want("v3")
    second.run(200)
    assert stable(second) == "v1"
    assert "v3" not in second.routed()


@pytest.mark.parametrize("jump", [-3600.0, -30.0, 30.0, 3600.0])
def test_a_clock_that_jumps_promotes_nothing_unjudged_and_the_release_ends(jump: float) -> None:
    for percent in (10, 100):
        world = serving()
        world.want("v2")
        world.until(lambda world=world, percent=percent: world.status.percent == percent)  # type: ignore[misc]
        world.jump(jump)
        world.until(lambda world=world: not world.status.candidate and not world.status.retiring, 4000)  # type: ignore[misc]
        assert world.state in ("Healthy", "Degraded")
        assert world.prometheus.lost == 0


def test_a_wiped_status_keeps_serving_what_served() -> None:
    world = canary(50)
    world.wipe_status()
    world.until(lambda: world.status.stable is not None)
    assert stable(world) == "v1"
    world.until(lambda: promoted(world, "v2"))
    assert world.prometheus.lost == 0


def test_a_status_of_an_older_operator_is_read_and_one_that_cannot_be_read_is_left() -> None:
    world = serving()
    old = {k: v for k, v in world.root["status"].items() if k in ("stable", "conditions", "state", "message")}
    world.rules.forget()
    world.cluster.put({**world.root, "status": old})
    world.run(5)
    assert stable(world) == "v1"
    assert world.state == "Healthy"
    world.rules.forget()
    world.cluster.put({**world.root, "status": {**world.root["status"], "stable": {"revision": 7}}})
    world.run(30)
    assert world.routed() == {"v1": 100}
    assert world.root["status"]["stable"] == {"revision": 7}


def test_stable_that_is_not_healthy_stops_no_return() -> None:
    world = canary(50)
    world.nodes.turn("v1", "Unschedulable")
    failing(world, "v2")
    world.until(lambda: world.routed() == {"v1": 100, "v2": 0}, 20)


def test_a_revert_after_a_failure_is_healthy_at_once_and_tries_nothing_again() -> None:
    world = serving()
    failing(world, "v2")
    world.want("v2")
    world.until_state("Degraded")
    starts = world.reasons().count("CandidateStarted")
    world.want("v1")
    world.until_state("Healthy", limit=3)
    world.run(60)
    assert world.reasons().count("CandidateStarted") == starts


def test_prometheus_that_asks_for_an_hour_delays_no_abort() -> None:
    world = canary(50)
    world.prometheus.delay = 3600.0
    world.annotate("abort", "v2")
    world.until(lambda: world.routed() == {"v1": 100, "v2": 0}, 1)


@pytest.mark.parametrize("kind", ["TooMany", "Server", "Unreachable", "AnswerLost", "Hang"])
def test_an_api_server_in_trouble_loses_no_verdict(kind: str) -> None:
    world = canary(50)
    failing(world, "v2")
    world.leader.connection.troubles.append(Trouble(kind, 6))
    world.until(lambda: world.routed().get("v2", 0) == 0, 120)
    world.until_state("Degraded")


def test_a_refused_deployment_holds_up_no_return() -> None:
    world = canary(50)
    world.leader.connection.troubles.append(Trouble("Forbidden", 10_000, "Deployment"))
    failing(world, "v2")
    world.until(lambda: world.routed().get("v2", 0) == 0, 20)


# People edit what is the operator's


def test_a_route_edited_while_a_version_drains_makes_it_drain_anew() -> None:
    world = baking()
    world.until(lambda: stable(world) == "v2")
    world.run(3)
    world.edit_route(50)
    world.gateway.take_over()
    assert world.live() == {"v2": 50, "v1": 50}
    world.until(lambda: world.live() == {"v2": 100})
    begun = world.now
    world.until(lambda: "v1" not in world.replicas())
    assert world.now - begun > 3


def test_a_share_without_a_candidate_is_put_right() -> None:
    world = serving()
    world.edit_status(percent=90, step=1)
    world.run(2)
    assert (world.status.percent, world.status.step) == (0, 0)
    assert world.routed() == {"v1": 100}
