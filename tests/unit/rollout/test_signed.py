"""Does a version without a good signature serve, where signatures are required?"""

from __future__ import annotations

import json
from typing import Any

from slipway.contract.result import Failed, encode
from tests.unit.rollout.test_pods import fetching
from tests.unit.rollout.world import SETTINGS, World, serving

REQUIRED = SETTINGS.model_copy(update={"signatures_required": True, "public_keys": "slipway-public-keys"})
MISSING = "s3://models/v2/ is not signed (s3://models/v2.sig is not there): sign it"


def told(world: World) -> dict[str, Any]:
    """Return what the one fetch container is told."""
    (config,) = (
        o for (kind, _), o in world.objects.items() if kind == "ConfigMap" and "job.json" in (o.get("data") or {})
    )
    found: dict[str, Any] = json.loads(config["data"]["job.json"])
    return found


def pod(world: World) -> dict[str, Any]:
    (deployment,) = (o for (kind, _), o in world.objects.items() if kind == "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def test_the_fetch_container_alone_is_told_whom_to_trust() -> None:
    world = World(settings=REQUIRED)
    world.until("Healthy")
    assert told(world)["trust"] == {"configMap": "slipway-public-keys"}
    # The version's own comes last, and vouches for the base model before it.
    assert [item["artifact"]["uri"] for item in told(world)["items"]] == ["s3://models/base/", "s3://models/v1/"]
    found = pod(world)
    assert {"name": "trust", "configMap": {"name": "slipway-public-keys", "optional": True}} in found["volumes"]
    with_keys = [
        container["name"]
        for container in (*found["initContainers"], *found["containers"])
        if any(mount["name"] == "trust" for mount in container.get("volumeMounts", ()))
    ]
    assert with_keys == ["fetch"]


def test_pods_are_as_before_where_nothing_is_required() -> None:
    world = serving()
    assert "trust" not in told(world)
    assert "trust" not in {volume["name"] for volume in pod(world)["volumes"]}


def test_an_unsigned_candidate_gets_no_traffic_and_the_rollback_says_why() -> None:
    world = World(settings=REQUIRED)
    world.until("Healthy")
    world.broken["v2"] = fetching(12, encode(Failed(reason="SignatureMissing", message=MISSING)))
    world.want("v2")
    world.run(3)
    assert world.routed().get("v2", 0) == 0
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "FetchFailed"
    assert f"SignatureMissing: {MISSING}" in world.status.last_rollback.message
