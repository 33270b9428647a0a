"""Is a version without a good signature evaluated, where signatures are required?"""

from __future__ import annotations

from slipway.contract.exitcodes import ExitCode
from slipway.model.room import Room
from tests.unit.model.world import World, by_hand, digest, figures, version
from tests.unit.worlds import SETTINGS

REQUIRED = SETTINGS.model_copy(update={"signatures_required": True, "public_keys": "slipway-public-keys"})
MISSING = "s3://slipway/models/v1/ is not signed (s3://slipway/models/v1.sig is not there): sign it with …"


def demanding(manifest: dict[str, object]) -> World:
    world = World()
    world.room = Room(REQUIRED)
    world.put(manifest)
    return world


def test_pods_are_told_to_trust_the_keys_that_are_mounted() -> None:
    for manifest in (version(), by_hand()):
        world = demanding(manifest)
        assert world.told()["trust"] == {"configMap": "slipway-public-keys"}
        _, job = world.plan().children
        pod = job["spec"]["template"]["spec"]
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "trust")
        assert volume["configMap"] == {"name": "slipway-public-keys", "optional": True}
        mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
        assert "/slipway/trust" in mounts
        assert "/slipway/signing" not in mounts


def test_nothing_is_asked_where_nothing_is_required() -> None:
    world = World()
    world.put(version())
    assert "trust" not in world.told()
    _, job = world.plan().children
    assert "trust" not in {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}


def test_an_unsigned_version_fails_with_the_reason_the_file_and_the_cure() -> None:
    world = demanding(version())
    world.settle()
    world.fail(ExitCode.DIGEST_MISMATCH, "SignatureMissing", MISSING)
    world.settle()
    assert world.status()["state"] == "Failed"
    stalled = world.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "SignatureMissing")
    assert MISSING.rstrip("…") in stalled["message"]
    assert "Delete Job" in stalled["message"]
    assert world.events[-1].reason == "SignatureMissing"
    assert world.events[-1].type == "Warning"
    for job in world.jobs():
        world.remove("Job", job)
    world.settle()
    world.report(figures(signature="first.pem"))
    world.settle()
    assert world.status()["state"] == "Ready"


def test_missing_public_keys_are_waited_for() -> None:
    world = demanding(version())
    world.settle()
    world.fail(ExitCode.STORE_UNREACHABLE, "PublicKeysMissing", "ConfigMap demo/slipway-public-keys is not there")
    world.settle()
    assert world.status()["state"] == "Evaluating"
    assert "PublicKeysMissing: ConfigMap demo/slipway-public-keys is not there" in world.status()["message"]


def test_status_names_the_key_that_vouched() -> None:
    world = demanding(by_hand())
    world.settle()
    world.report(figures(signature="first.pem"))
    world.settle()
    assert world.status()["verified"] == {"digest": digest("a"), "signature": "first.pem"}
    assert world.status()["message"] == (
        "the artefact has the digest that spec promises, and is signed with key first.pem"
    )
