"""Is a training pod given what it needs to tell others how it goes, and is no result changed by that?"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from slipway.api.tracking import MLflow
from slipway.contract.job import Train, parse_job
from slipway.jobs import JOB_NAME_LABEL
from tests.unit.training.world import dataset, started, succeed, world
from tests.unit.worlds import NAMESPACE, SETTINGS, World

SERVER = "http://mlflow.ml.svc:5000"


def environment(made: World) -> dict[str, dict[str, Any]]:
    pod = made.newest_job()["spec"]["template"]["spec"]
    return {variable["name"]: variable for variable in pod["containers"][0]["env"]}


def told(made: World) -> Train:
    made.remove("Job", made.jobs()[0])
    found = parse_job(made.step().children[0]["data"]["job.json"])
    assert isinstance(found, Train)
    return found


def test_mlflow_is_told_by_its_own_variables_and_secrets_by_reference() -> None:
    mlflow = {"trackingUri": "https://mlflow.example", "tokenSecret": {"name": "mlflow", "key": "token"}}
    made = started(tracking={"mlflow": mlflow})
    found = environment(made)
    assert found["MLFLOW_TRACKING_URI"]["value"] == "https://mlflow.example"
    assert found["MLFLOW_EXPERIMENT_NAME"]["value"] == "assistant"
    assert found["MLFLOW_TRACKING_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "mlflow", "key": "token"}}
    assert "MLFLOW_TRACKING_USERNAME" not in found


def test_user_and_password_are_those_of_a_basic_auth_secret() -> None:
    mlflow = {"trackingUri": "https://mlflow.example", "experiment": "mine", "basicAuthSecret": {"name": "who"}}
    found = environment(started(tracking={"mlflow": mlflow}))
    assert found["MLFLOW_EXPERIMENT_NAME"]["value"] == "mine"
    assert found["MLFLOW_TRACKING_USERNAME"]["valueFrom"]["secretKeyRef"] == {"name": "who", "key": "username"}
    assert found["MLFLOW_TRACKING_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "who", "key": "password"}


def test_tensorboard_is_asked_for_in_the_job_file() -> None:
    assert told(started(tracking={"tensorBoard": True})).tensor_board
    assert not told(started()).tensor_board


def test_who_is_told_changes_no_digest_of_the_recipe() -> None:
    plain = started()
    watched = started(tracking={"tensorBoard": True, "mlflow": {"trackingUri": SERVER}})
    assert plain.status()["snapshot"] == watched.status()["snapshot"]


def test_a_run_that_tells_nobody_is_told_what_it_always_was() -> None:
    made = started()
    made.remove("Job", made.jobs()[0])
    assert "tensorBoard" not in made.step().children[0]["data"]["job.json"]
    assert not [name for name in environment(made) if name.startswith("MLFLOW")]


@pytest.mark.parametrize("closed", [True, False])
def test_the_way_out_is_for_the_server_only_and_ends_with_the_run(closed: bool) -> None:
    settings = SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,) if closed else ()})
    made = world(data=dataset(), settings=settings, tracking={"mlflow": {"trackingUri": SERVER}})
    made.settle()
    assert len(made.owned("NetworkPolicy")) == closed
    if not closed:
        return
    policy = made.get("NetworkPolicy", made.owned("NetworkPolicy")[0])
    spec = policy["spec"]["sealed"].opened()
    assert spec["podSelector"] == {"matchLabels": {JOB_NAME_LABEL: made.jobs()[0]}}
    assert [port["port"] for port in spec["egress"][0]["ports"]] == [5000]
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    assert len(made.owned("NetworkPolicy")) == 1
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Succeeded"
    assert made.owned("NetworkPolicy") == []


def test_no_way_out_without_a_server() -> None:
    settings = SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,)})
    made = world(data=dataset(), settings=settings, tracking={"tensorBoard": True})
    made.settle()
    assert made.owned("NetworkPolicy") == []


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        MLflow.model_validate({"trackingUri": "file:///tmp/mlruns"})
