"""Does a bad version lose its traffic at once, in every phase, and stay away?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from slipway.plan import Plan
from tests.unit.rollout.world import (
    NAMESPACE,
    ROLLOUT,
    Behaviour,
    World,
    baking,
    canary,
    digest,
    model_version,
    serving,
    waiting,
)


def fail(world: World, percent: float = 30.0) -> Plan:
    """Let v2 fail until the verdict; return the plan that carries it."""
    world.behaves["v2"] = Behaviour(failing_percent=percent)
    for _ in range(100):
        plan = world.tick()
        if world.status.last_rollback is not None:
            return plan
        world.now += timedelta(seconds=1)
    raise AssertionError("never rolled back")


@pytest.mark.parametrize("make", [lambda: canary(10), lambda: canary(50), baking])
def test_the_plan_that_carries_the_verdict_carries_weight_zero(make) -> None:  # type: ignore[no-untyped-def]
    world = make()
    plan = fail(world)
    assert plan.children[0]["kind"] == "HTTPRoute", "the route comes first: nothing refused before it may hold it up"
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.state == "RollingBack"
    assert "RolledBack" in world.reasons()


def test_the_verdict_does_not_wait_for_the_status_to_reach_the_route() -> None:
    assert fail(canary(50)).ahead == {("HTTPRoute", ROLLOUT)}


def test_what_is_found_again_after_a_crash_waits_for_the_status() -> None:
    aborted, broken = canary(50), canary(50)
    aborted.annotate("slipway.dev/abort", "v2")
    broken.broken["v2"] = waiting("ImagePullBackOff")
    for world in (aborted, broken):
        while world.status.last_rollback is None:
            plan = world.tick()
            world.now += timedelta(seconds=1)
        assert world.routed()["v2"] == 0
        assert not plan.ahead


def test_the_numbers_of_the_verdict_are_kept() -> None:
    world = canary(10)
    fail(world, 30.0)
    last = world.status.last_rollback
    assert last is not None
    assert last.reason == "MetricFailed"
    assert "30.00 %" in last.message
    assert "allowed 2 %" in last.message
    assert "at 10 %" in last.message


def test_after_the_drain_the_pods_go_and_the_state_is_degraded_with_a_cure() -> None:
    world = canary(50)
    fail(world)
    assert world.replicas() == {"v1": 2, "v2": 1}, "requests in flight have their time"
    world.until("Degraded")
    assert world.replicas() == {"v1": 2}
    assert world.routed() == {"v1": 100}
    assert "kubectl -n games annotate rollout assistant" in world.status.message
    assert "v1 at 100 %" in world.status.message


def test_a_failed_version_is_not_tried_again() -> None:
    world = canary(10)
    fail(world)
    world.behaves.clear()
    world.run(1000, step=5)
    assert world.state == "Degraded"
    assert world.routed() == {"v1": 100}


def test_the_same_bytes_under_another_name_are_not_tried_either() -> None:
    world = canary(10)
    fail(world)
    world.until("Degraded")
    world.versions["v2-again"] = world.versions["v2"] | {"metadata": {"name": "v2-again", "namespace": "games"}}
    world.want("v2-again")
    world.run(100)
    assert world.status.candidate is None
    assert world.state == "Degraded"
    assert world.status.message.startswith("v2-again is v2 under another name")


def test_changed_serving_makes_it_a_new_revision_that_may_try() -> None:
    world = canary(10)
    fail(world)
    world.until("Degraded")
    world.behaves.clear()
    world.edit(world.root["spec"] | {"serving": {"runtime": {"llamaCpp": {"contextTokens": 4096}}, "replicas": 2}})
    world.run(300)
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
    assert world.state == "Healthy"


def test_a_retry_acts_once_and_starts_afresh() -> None:
    world = canary(10)
    fail(world)
    world.until("Degraded")
    world.annotate("slipway.dev/retry", "v2")
    world.tick()
    assert world.state == "Progressing"
    assert world.status.analysis == [], "no evidence of the first attempt"
    fail_again = world.status.failed
    assert fail_again == []
    world.until("Degraded")
    world.run(300)
    assert world.state == "Degraded", "the annotation is still there, and spent"
    world.behaves.clear()
    world.annotate("slipway.dev/retry", "v2@once-more")
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"


def test_a_retry_written_before_the_failure_is_spent() -> None:
    world = canary(10)
    world.annotate("slipway.dev/retry", "v2")
    world.tick()
    fail(world)
    world.run(100)
    assert world.state == "Degraded"


def test_a_retry_of_another_version_changes_nothing() -> None:
    world = canary(10)
    fail(world)
    world.until("Degraded")
    world.annotate("slipway.dev/retry", "v1")
    world.run(100)
    assert world.state == "Degraded"


def test_a_rollback_does_not_wait_for_stable_to_be_healthy() -> None:
    world = canary(50)
    world.broken["v1"] = waiting("CrashLoopBackOff")
    fail(world)
    assert world.routed() == {"v1": 100, "v2": 0}


def test_a_rollback_waits_for_no_hold_and_no_gateway() -> None:
    world = canary(10)
    world.behaves["v2"] = Behaviour(failing_percent=50)
    world.now += timedelta(seconds=10)
    world.reconcile()
    world.scrape()
    world.objects["HTTPRoute", "assistant"]["status"] = {}
    world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}


def test_forgiven_failures_hold_the_step_and_do_not_end_it() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}, "failureLimit": 2}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 20, "metrics": [metric]})
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.run(15)
    assert world.status.analysis[0].failures in (1, 2)
    assert world.status.candidate is not None
    world.behaves.clear()
    world.until("Healthy")
    assert world.status.failed == []
    told = [(event.type, event.reason) for event in world.events if event.reason.startswith("Measurement")]
    assert told == [("Warning", "MeasurementFailed"), ("Normal", "MeasurementPassed")], "also of the very first"


def test_failures_beyond_the_limit_end_it() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}, "failureLimit": 2}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 20, "metrics": [metric]})
    fail(world)
    assert world.status.last_rollback is not None
    assert "3 times in a row" in world.status.last_rollback.message


def test_a_relative_metric_in_the_bake_compares_with_stables_last_figures() -> None:
    metric = {"name": "errors", "errorRate": {"maxIncreasePercent": "5", "minSamples": 20}}
    world = serving(analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]})
    world.behaves["v1"] = Behaviour(failing_percent=10)
    world.behaves["v2"] = Behaviour(failing_percent=12)
    world.want("v2")
    world.until("Baking")
    world.run(15)
    entry = world.status.analysis[0]
    assert (entry.outcome, entry.stable, entry.bound) == ("Pass", "10", "15")
    assert " @ " in str(
        world.room.plan(world.root, world, world.facts, world.now + timedelta(seconds=20)).asks[0].question
    )
    world.behaves["v2"] = Behaviour(failing_percent=20)
    world.run(90)
    assert world.status.last_rollback is not None
    assert "in the bake" in world.status.last_rollback.message


def test_after_the_rollback_of_the_bake_the_old_version_has_everything() -> None:
    world = baking()
    fail(world)
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.replicas()["v1"] == 2
    world.until("Degraded")
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"


def test_going_back_to_stable_after_a_rollback_is_healthy_at_once() -> None:
    world = canary(10)
    fail(world)
    world.want("v1")
    world.tick()
    assert world.state == "Healthy"
    assert world.status.candidate is None
    world.run(60)
    assert world.replicas() == {"v1": 2}


def test_a_total_outage_is_caught_long_before_min_samples() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "1", "minSamples": 100000}}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]})
    fail(world, 100.0)
    assert world.status.last_rollback is not None
    assert "beyond doubt" in world.status.last_rollback.message


def test_the_command_that_status_tells_works_every_time() -> None:
    world = canary(10)
    fail(world)
    for _ in range(3):
        world.until("Degraded")
        command = world.status.message.partition("slipway.dev/retry=")[2]
        world.annotate("slipway.dev/retry", command)
        world.run(3)
        assert world.status.candidate is not None, f"{command} did nothing"


def test_a_retry_lifts_the_failure_of_the_same_bytes_under_another_name() -> None:
    world = canary(10)
    fail(world)
    world.versions["v2b"] = model_version("v2b")
    world.versions["v2b"]["spec"]["artifact"]["digest"] = digest("v2")
    world.want("v2b")
    world.until("Degraded")
    world.annotate("slipway.dev/retry", "v2b")
    world.run(3)
    assert world.status.candidate is not None
    assert world.status.candidate.version == "v2b"


def test_pods_that_outlive_the_last_attempt_say_nothing_about_the_next() -> None:
    world = canary(10)
    crashing = waiting("CrashLoopBackOff")
    crashing["containerStatuses"][0]["restartCount"] = 5
    world.broken["v2"] = crashing
    world.until("Degraded")
    revision = world.status.failed[0].revision
    meta = {"name": "left-over", "namespace": NAMESPACE, "labels": {"slipway.dev/revision": revision}}
    left = [{"kind": "Pod", "metadata": meta, "status": crashing}]
    world.broken.clear()
    world.annotate("slipway.dev/retry", "v2")
    for _ in range(5):
        world.kubelet()
        world.pods["left-over"] = left
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert world.status.candidate is None
    assert world.status.failed == []
    del world.pods["left-over"]
    world.reconcile()
    assert world.status.candidate is not None


@pytest.mark.parametrize("measured_for", [0, 25])
def test_a_clock_set_back_does_not_blind_the_analysis(measured_for: int) -> None:
    world = canary(10)
    world.run(measured_for)
    world.now -= timedelta(hours=1)
    world.behaves["v2"] = Behaviour(failing_percent=30.0)
    world.run(30)
    assert world.status.last_rollback is not None
    assert world.routed()["v1"] == 100


def test_a_pass_under_the_old_spec_does_not_promote_under_the_new() -> None:
    world = baking()
    world.run(58)
    metric = {"name": "errors", "prometheus": {"query": "5", "max": "1"}}
    world.edit(world.root["spec"] | {"analysis": world.root["spec"]["analysis"] | {"metrics": [metric]}})
    world.run(60)
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"
    assert world.status.last_rollback is not None


def failed_as(kind: str) -> World:
    """Return a world in which v2, an artefact of this kind, was rolled back."""
    world = serving()
    world.versions["v2"]["spec"]["artifact"]["kind"] = kind
    world.behaves["v2"] = Behaviour(failing_percent=40)
    world.want("v2")
    world.until("Degraded")
    return world


def same_bytes(world: World, **changes: object) -> None:
    """Offer v3, which is v2's artefact."""
    artifact = world.versions["v2"]["spec"]["artifact"]
    world.versions["v3"] = model_version("v3", artifact=artifact, **changes)


def test_the_same_adapter_on_another_base_is_another_version() -> None:
    world = failed_as("Adapter")
    same_bytes(world)
    world.want("v3")
    world.run(5)
    assert "v3 is v2 under another name: the same bytes, served alike" in world.status.message
    world.root["status"]["failed"][0].pop("base")  # as an older operator wrote it
    world.run(30)
    assert "v3 is v2 under another name: the same bytes, served alike" in world.status.message
    world.run(5)
    base = {"uri": "s3://models/larger/", "digest": digest("larger")}
    world.root["status"]["failed"][0]["base"] = digest("base")
    same_bytes(world, baseModel=base)
    world.until("Healthy")
    assert world.routed()["v3"] == 100


def test_a_whole_model_is_the_same_whatever_it_is_compared_with() -> None:
    world = failed_as("Model")
    same_bytes(world, baseModel={"uri": "s3://models/larger/", "digest": digest("larger")})
    world.want("v3")
    world.run(30)
    assert "v3 is v2 under another name" in world.status.message
