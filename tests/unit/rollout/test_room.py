"""Does the room look after a Rollout that it cannot read, and build objects that last?"""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path

from slipway.api.rollout import Serving
from slipway.rollout.pod import ARTIFACT_DIR, BASE_DIR
from slipway.rollout.quantity import whole_cpus
from slipway.rollout.revision import serving_hash
from tests.unit.rollout.world import canary, serving

SAFETY = Path(__file__).parents[3] / "docs" / "explanation" / "rollout-safety.md"


def test_an_unreadable_spec_stalls_and_leaves_everything_as_it_is() -> None:
    world = canary(50)
    before = copy.deepcopy(world.objects)
    world.edit(world.root["spec"] | {"strategy": {}})
    world.run(30)
    assert world.state == "Stalled"
    assert "strategy" in world.status.message
    assert world.objects == before
    assert world.status.stable is not None, "the memory stays"


def test_an_unreadable_status_is_not_overwritten() -> None:
    world = serving()
    world.root["status"]["stable"] = {"revision": 3}
    before = copy.deepcopy(world.objects)
    plan = world.room.plan(world.root, world, world.facts, world.now)
    assert plan.status["stable"] == {"revision": 3}
    world.apply(plan)
    assert world.objects == before


def test_a_revision_whose_template_is_lost_serves_on_untouched() -> None:
    world = serving()
    name = next(name for kind, name in world.objects if kind == "ControllerRevision")
    world.objects["ControllerRevision", name]["data"] = {"nonsense": True}
    del world.versions["v1"]
    before = copy.deepcopy({key: obj for key, obj in world.objects.items() if key[0] in ("Deployment", "Service")})
    world.run(20)
    assert {key: obj for key, obj in world.objects.items() if key in before} == before
    assert world.routed() == {"v1": 100}


def test_planning_changes_nothing_it_was_given() -> None:
    world = canary(50)
    before = copy.deepcopy((world.root, world.objects, world.pods))
    world.room.plan(world.root, world, world.facts, world.now)
    assert (world.root, world.objects, world.pods) == before


def test_the_fetch_container_brings_base_and_adapter_by_digest() -> None:
    world = serving()
    [config] = [obj for (kind, _), obj in world.objects.items() if kind == "ConfigMap"]
    items = json.loads(config["data"]["job.json"])["items"]
    assert [item["target"] for item in items] == [BASE_DIR, ARTIFACT_DIR]
    assert all(item["artifact"]["digest"].startswith("sha256:") for item in items)
    [deployment] = [obj for (kind, _), obj in world.objects.items() if kind == "Deployment"]
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
    assert f"--model={BASE_DIR}" in command
    assert f"--adapter={ARTIFACT_DIR}" in command


def test_a_pod_carries_what_prometheus_relabels() -> None:
    world = serving()
    [deployment] = [obj for (kind, _), obj in world.objects.items() if kind == "Deployment"]
    meta = deployment["spec"]["template"]["metadata"]
    labels = {key: meta["labels"][f"slipway.dev/{key}"] for key in ("model", "version", "rollout")}
    assert labels == {"model": "assistant", "version": "v1", "rollout": "assistant"}
    assert meta["annotations"]["prometheus.io/port"] == "9901"


def test_replicas_and_fields_at_their_default_do_not_make_a_revision() -> None:
    def hashed(**spec: object) -> str:
        return serving_hash(Serving.model_validate({"runtime": {"llamaCpp": {}}} | spec))

    assert hashed() == hashed(replicas=7) == hashed(resources={"cpu": "1"})
    assert hashed() != hashed(resources={"cpu": "2"})
    assert hashed() != hashed(runtime={"llamaCpp": {"contextTokens": 256}})


def test_cpus_are_whole() -> None:
    assert [whole_cpus(q) for q in ("100m", "1", "1500m", "4", "2.5")] == [1, 1, 2, 4, 3]


def test_waking_up_when_asked_is_enough() -> None:
    world = serving()
    world.want("v2")
    for _ in range(400):
        before, plan = world.writes, world.tick()
        if world.writes > before:
            continue  # the engine is woken by what its writes bring about
        if plan.requeue_after is None:
            break
        assert timedelta(0) < plan.requeue_after <= timedelta(seconds=60)
        world.now += plan.requeue_after
    assert world.routed() == {"v2": 100}
    assert world.replicas() == {"v2": 2}
    assert world.state == "Healthy"
