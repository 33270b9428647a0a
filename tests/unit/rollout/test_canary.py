"""Does a good version earn traffic step by step, and nothing before its time?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.rollout.world import Behaviour, World, baking, canary, serving


def test_the_first_version_serves_as_soon_as_it_is_ready_and_is_not_judged() -> None:
    world = World()
    world.tick()
    assert world.state == "Initializing"
    assert world.routed() == {}, "no route before there is an endpoint"
    world.until("Healthy")
    assert world.routed() == {"v1": 100}
    assert world.status.analysis == []


def test_a_good_version_walks_every_step_and_becomes_stable() -> None:
    world = serving()
    world.want("v2")
    seen: list[dict[str, int]] = []
    for _ in range(200):
        world.tick()
        if not seen or seen[-1] != world.routed():
            seen.append(world.routed())
        world.now += timedelta(seconds=1)
    assert seen == [
        {"v1": 100},
        {"v1": 90, "v2": 10},
        {"v1": 50, "v2": 50},
        {"v1": 0, "v2": 100},
        {"v2": 100},
    ]
    assert world.state == "Healthy"
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
    steps = ["CandidateStarted", "ShareChanged", "StepPassed", "ShareChanged", "StepPassed", "ShareChanged", "Baking"]
    assert world.reasons() == [*steps, "Promoted", "Retired"]


def test_promotion_reuses_the_warm_pods() -> None:
    world = canary(50)
    before = {pod["metadata"]["name"] for pods in world.pods.values() for pod in pods}
    world.until("Healthy")
    world.run(20)
    after = {pod["metadata"]["name"] for pods in world.pods.values() for pod in pods}
    assert world.replicas() == {"v2": 2}
    assert len(after & before) == 1, "the canary's pod serves on"


def test_capacity_comes_before_traffic() -> None:
    world = canary(50, serving={"runtime": {"llamaCpp": {}}, "replicas": 4})
    assert world.replicas() == {"v1": 4, "v2": 2}
    world.run(35)
    world.reconcile()
    assert world.replicas()["v2"] == 4
    world.pods.clear()
    for _ in range(5):
        world.gateway()
        world.reconcile()
    assert world.status.percent in (0, 50), "four pods are wanted, none is ready: not 100 %"


def test_a_step_lasts_from_the_gateways_confirmation() -> None:
    world = serving()
    world.want("v2")
    world.tick()
    world.kubelet()
    world.scrape()
    world.reconcile()
    assert world.status.percent == 10
    for _ in range(100):  # the gateway says nothing
        world.now += timedelta(seconds=1)
        world.scrape()
        world.reconcile()
    assert world.status.step_started_at is None
    assert "waiting for Gateway gateways/slipway" in world.status.message
    world.gateway()
    world.reconcile()
    assert world.status.step_started_at is not None
    assert world.status.percent == 10


def test_a_route_of_an_older_generation_is_no_evidence() -> None:
    world = serving()
    world.want("v2")
    world.tick()
    world.kubelet()
    world.reconcile()
    route = world.objects["HTTPRoute", "assistant"]
    assert route["status"]["parents"][0]["conditions"][0]["observedGeneration"] < route["metadata"]["generation"]
    world.reconcile()
    assert world.status.step_started_at is None


def test_a_route_that_the_gateway_refuses_is_no_evidence_and_is_told() -> None:
    world = serving()
    world.want("v2")
    world.tick()
    world.kubelet()
    world.reconcile()
    world.gateway()
    condition = world.objects["HTTPRoute", "assistant"]["status"]["parents"][0]["conditions"][1]
    condition |= {"status": "False", "reason": "BackendNotFound", "message": "no such Service"}
    world.reconcile()
    assert world.status.step_started_at is None
    assert "BackendNotFound" in world.status.message


def test_the_old_version_stays_at_full_size_through_the_bake() -> None:
    world = baking()
    assert world.replicas() == {"v1": 2, "v2": 2}
    assert world.routed() == {"v1": 0, "v2": 100}, "weight 0 is written out"
    assert world.status.stable is not None
    assert world.status.stable.version == "v1", "stable changes at the end of the bake only"


def test_the_old_version_goes_only_after_its_drain() -> None:
    world = baking()
    world.until("Healthy")
    gone_from = world.now
    assert world.replicas() == {"v1": 2, "v2": 2}
    while "v1" in world.replicas():
        world.tick()
        world.now += timedelta(seconds=1)
    assert world.now - gone_from >= timedelta(seconds=10)


@pytest.mark.parametrize("begun", [0.0, 0.001, 0.5, 0.97])
def test_a_drain_is_whole_wherever_in_a_second_it_begins(begun: float) -> None:
    world = baking()
    world.now += timedelta(seconds=begun)
    world.until("Healthy")
    gone_from = world.now
    while "v1" in world.replicas():
        world.tick()
        world.now += timedelta(milliseconds=10)
    assert timedelta(seconds=10) <= world.now - gone_from < timedelta(seconds=11.1)


def test_nothing_is_drained_before_the_gateway_confirms_that_its_weight_is_gone() -> None:
    world = baking()
    while world.status.candidate is not None:
        world.kubelet()
        world.scrape()
        world.reconcile()
        world.now += timedelta(seconds=1)
    route = world.objects["HTTPRoute", "assistant"]
    route["metadata"]["generation"] += 1  # somebody touched it; the gateway has not answered yet
    world.root["status"]["retiring_since"] = None
    world.root["status"].pop("retiringSince", None)
    for _ in range(100):
        world.kubelet()
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert world.replicas() == {"v1": 2, "v2": 2}
    world.run(15)
    assert world.replicas() == {"v2": 2}


def test_a_healthy_rollout_is_silent() -> None:
    world = serving()
    world.run(30)
    before = world.writes
    world.run(3600, step=10)
    assert world.writes == before
    assert world.plan_made is not None
    assert world.plan_made.requeue_after is None


def test_a_change_of_replicas_is_no_revision() -> None:
    world = serving()
    world.edit(world.root["spec"] | {"serving": {"runtime": {"llamaCpp": {}}, "replicas": 5}})
    world.tick()
    assert world.replicas() == {"v1": 5}
    assert world.status.candidate is None
    world.until("Healthy")


def test_a_change_of_the_serving_template_is_judged_like_a_new_model() -> None:
    world = serving()
    world.edit(world.root["spec"] | {"serving": {"runtime": {"llamaCpp": {"contextTokens": 4096}}, "replicas": 2}})
    world.tick()
    status = world.status
    assert status.candidate is not None
    assert status.stable is not None
    assert status.candidate.version == status.stable.version == "v1"
    assert status.candidate.revision != status.stable.revision
    engines = {
        args
        for (kind, _), obj in world.objects.items()
        if kind == "Deployment"
        for args in obj["spec"]["template"]["spec"]["containers"][0]["command"]
        if args.startswith("--context-tokens")
    }
    assert engines == {"--context-tokens=2048", "--context-tokens=4096"}, "stable keeps its own template"


def test_edited_steps_never_let_a_candidate_jump_up() -> None:
    world = canary(50)
    steps = {"canary": {"steps": [{"percent": 20, "holdSeconds": 30}]}}
    world.edit(world.root["spec"] | {"strategy": steps})
    world.tick()
    assert world.routed() == {"v1": 80, "v2": 20}


def test_a_share_written_by_hand_gives_no_more_than_ready_pods_carry() -> None:
    world = canary(10, serving={"runtime": {"llamaCpp": {}}, "replicas": 4})
    steps = {"canary": {"steps": [{"percent": 20, "holdSeconds": 30}, {"percent": 60, "holdSeconds": 30}]}}
    world.root["status"]["percent"] = 90
    world.edit(world.root["spec"] | {"strategy": steps})
    world.reconcile()
    assert world.routed() == {"v1": 75, "v2": 25}, "one pod of four is ready"
    world.tick()
    world.tick()
    assert world.routed() == {"v1": 40, "v2": 60}, "three are"


def test_a_foreign_edit_of_the_route_is_undone_in_one_reconcile() -> None:
    world = canary(10)
    backends = world.objects["HTTPRoute", "assistant"]["spec"]["rules"][0]["backendRefs"]
    backends[0]["weight"], backends[1]["weight"] = 0, 100
    world.reconcile()
    assert world.routed() == {"v1": 90, "v2": 10}


def test_the_pod_template_names_no_credentials_for_engine_and_proxy() -> None:
    world = serving()
    [deployment] = [obj for (kind, _), obj in world.objects.items() if kind == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert "AWS" not in str(container.get("env"))
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "AWS_ACCESS_KEY_ID" in str(pod["initContainers"])


def test_a_step_that_names_dry_runs_alone_is_judged_by_everything() -> None:
    tried = {"name": "tried", "errorRate": {"maxPercent": "2"}, "dryRun": True}  # of before that was refused
    judging = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}}
    world = serving(
        strategy={"canary": {"steps": [{"percent": 10, "holdSeconds": 30, "metrics": ["tried"]}]}},
        analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [judging, tried]},
    )
    world.behaves["v2"] = Behaviour(failing_percent=100)
    world.want("v2")
    world.until("Degraded")
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.message.startswith("at 10 %: errors failed")
