"""Does a training pod get the key that signs, and no more than that?"""

from __future__ import annotations

from datetime import timedelta

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import parse_job
from slipway.contract.result import Failed, encode
from slipway.training.room import Room
from tests.unit.training.world import dataset, running, started, succeed, world
from tests.unit.worlds import SETTINGS

SIGNING = SETTINGS.model_copy(update={"signing_secret": "model-signing"})


def test_the_key_is_mounted_and_stands_in_no_document() -> None:
    made = world(data=dataset(), settings=SIGNING)
    config, job = made.step().children
    told = parse_job(config["data"]["job.json"])
    assert told.signing.secret == "model-signing"
    assert told.image == "train@1"
    pod = job["spec"]["template"]["spec"]
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "signing")
    assert volume["secret"] == {
        "secretName": "model-signing",
        "items": [{"key": "key.pem", "path": "key.pem"}],
        "optional": True,  # the pod says what is missing, the kubelet would only wait
        "defaultMode": 0o440,
    }
    (mount,) = (mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "signing")
    assert mount == {"name": "signing", "mountPath": "/slipway/signing", "readOnly": True}


def test_without_a_secret_nothing_is_mounted() -> None:
    made = started()
    (job,) = made.jobs()
    pod = made.get("Job", job)["spec"]["template"]["spec"]
    assert "signing" not in {volume["name"] for volume in pod["volumes"]}


def test_who_signs_is_no_part_of_the_recipe() -> None:
    plain, signed = started(), world(data=dataset(), settings=SIGNING)
    signed.settle()
    assert plain.status()["snapshot"] == signed.status()["snapshot"]
    assert plain.jobs() != signed.jobs()


def test_a_missing_secret_waits_with_its_reason_and_goes_on_when_it_is_there() -> None:
    made = world(data=dataset(), settings=SIGNING)
    made.settle()
    said = "entry key.pem of Secret demo/model-signing is not there: make it"
    made.end(ExitCode.STORE_UNREACHABLE, encode(Failed(reason="SigningKeyMissing", message=said)), pod="pod-1")
    made.settle()
    assert said in made.status()["message"]
    made.finish("Failed", "BackoffLimitExceeded")
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.condition("Reconciling")["reason"] == "SigningKeyMissing"
    assert said in made.status()["message"]
    before = made.jobs()
    made.now += timedelta(minutes=10)
    made.settle()
    assert made.jobs() != before
    assert made.status()["state"] == "Queued"


def test_a_key_that_comes_during_a_run_is_for_the_next() -> None:
    made = running()
    before = made.jobs()
    made.room = Room(SIGNING)
    made.settle()
    assert made.jobs() == before
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Succeeded"
