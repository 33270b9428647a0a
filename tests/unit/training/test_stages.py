"""Does a run in stages wait for all its data, tell its pod which stage has which, and name them in its lineage?"""

from __future__ import annotations

from typing import Any

import pytest

from slipway.contract.job import parse_job
from slipway.relations import relations
from tests.unit.training.world import DIGEST, dataset, succeed, world
from tests.unit.worlds import World

STAGES: list[dict[str, Any]] = [
    {"name": "foundation", "dataset": {"name": "engine-docs"}, "epochs": 1},
    {"name": "specialisation", "gate": {"maxLoss": "1.5"}},
    {"name": "customisation", "dataset": {"name": "liked"}, "dpo": {}},
]
STAGED = {"recipe": {"causalLM": {"maxSteps": 8, "stages": STAGES}}}


def named(name: str, digit: str, schema: str = "Chat", state: str = "Ready") -> dict[str, Any]:
    """Return a Dataset with this digest."""
    made = dataset(state)
    made["metadata"] = {**made["metadata"], "name": name}
    made["spec"] = {"schema": schema}
    if state == "Ready":
        made["status"]["artifact"] = {"uri": f"s3://slipway/slipway/datasets/{name}/", "digest": f"sha256:{digit * 64}"}
    return made


def fresh(*data: dict[str, Any]) -> World:
    """Return a world with a run in stages and these Datasets, in which nothing has been done yet."""
    made = world(**STAGED)
    for one in data:
        made.put(one)
    return made


def staged(*data: dict[str, Any]) -> World:
    """Return the same, settled."""
    made = fresh(*data)
    made.settle()
    return made


ALL = (dataset(), named("engine-docs", "1"), named("liked", "2", "Preference"))


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        (ALL[:2], "DatasetNotFound", "Dataset liked does not exist in namespace demo: create it"),
        ((*ALL[:2], named("liked", "2", "Preference", "Preparing")), "DatasetNotReady", "waiting for Dataset liked"),
        ((ALL[0], named("engine-docs", "1", state="Failed"), ALL[2]), "DatasetFailed", "Dataset engine-docs failed"),
        (
            (*ALL[:2], named("liked", "2", "Chat")),
            "DatasetDoesNotFit",
            "stage customisation learns from pairs of answers (dpo), and Dataset liked has schema Chat: name a Dataset",
        ),
        (
            (ALL[0], named("engine-docs", "1", "Preference"), ALL[2]),
            "DatasetDoesNotFit",
            "Dataset engine-docs has pairs of answers (schema Preference), and stage foundation has no dpo: set it",
        ),
    ],
)
def test_nothing_starts_before_the_data_of_all_stages_is_good(data: Any, reason: str, said: str) -> None:
    made = staged(*data)
    assert made.jobs() == []
    assert made.condition("Ready")["reason"] == reason
    assert said in made.status()["message"]


def test_each_dataset_of_a_stage_wakes_the_run() -> None:
    made = staged(*ALL[:2])
    assert [key.name for key in made.room.wakes(ALL[2], made.store)] == ["assistant-v1"]
    found = {name for name in relations(made.root()) if name.startswith("dataset:")}
    assert found == {"dataset:blueprints", "dataset:engine-docs", "dataset:liked"}


def test_the_pod_is_told_the_data_of_each_stage_and_the_lineage_names_it() -> None:
    made = fresh(*ALL)
    told = parse_job(made.step().children[0]["data"]["job.json"])
    digests = ["sha256:" + "1" * 64, DIGEST, "sha256:" + "2" * 64]
    assert [data.digest for data in told.stage_data] == digests
    assert told.dataset.digest == DIGEST
    made.settle()
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    succeed(made)
    made.settle()
    lineage = made.get("ModelVersion", "assistant-1.0.0")["spec"]["lineage"]
    assert [(stage["name"], stage["dataset"]["digest"]) for stage in lineage["stages"]] == [
        ("foundation", digests[0]), ("specialisation", digests[1]), ("customisation", digests[2]),
    ]  # fmt: skip
    assert made.get("ModelVersion", "assistant-1.0.0")["spec"]["evaluationData"]["digest"] == DIGEST


def test_the_message_says_which_stage_is_trained() -> None:
    made = staged(*ALL)
    made.pod({"phase": "Running"}, "pod-1")
    root = made.root()
    progress = {"step": 3, "steps": 8, "stage": "specialisation", "stageNumber": 2, "stages": 3}
    made.put({**root, "status": {**root["status"], "progress": progress}})
    made.settle()
    assert made.status()["message"].endswith("trains, stage specialisation (2 of 3)")


def test_runs_without_stages_keep_the_digests_they_had() -> None:
    made = world(data=dataset())
    text = made.step().children[0]["data"]["job.json"]
    assert "stage" not in text
    assert "stages" not in made.status()["snapshot"]
