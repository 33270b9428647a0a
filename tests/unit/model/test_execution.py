"""An evaluation that runs what the model writes: who may do what in its pod, and what its failures become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, encode
from slipway.holdups import inquire
from slipway.jobs import runs
from slipway.plan import Facts
from tests.unit.model.world import EVALUATION, World, digest, version
from tests.unit.worlds import SETTINGS

TASKS = {"uri": "s3://slipway/tasks/", "digest": digest("e")}
SOLVED = {"name": "solved", "measure": {"blenderExecution": {"tasks": TASKS}}}
EXECUTED: dict[str, Any] = {
    "metrics": [EVALUATION["metrics"][0], SOLVED],
    "resources": {"cpu": "4", "memory": "16Gi", "gpu": {"count": 1}},
    "execution": {"cpu": "2", "memory": "4Gi", "storage": "1Gi"},
}


def world(**spec: Any) -> World:
    made = World()
    made.put(version(**{"evaluation": EXECUTED, **spec}))
    made.settle()
    return made


def containers(made: World) -> dict[str, dict[str, Any]]:
    pod = made.newest_job()["spec"]["template"]["spec"]
    return {one["name"]: one for one in [*pod["initContainers"], *pod["containers"]]}


def test_the_model_is_asked_then_its_answers_run_then_they_are_counted() -> None:
    found = containers(world())
    assert list(found) == ["measure", "blender", "main"]
    assert [one["image"] for one in found.values()] == ["train@1", "blender@1", "train@1"]
    assert [one["command"][2] for one in found.values()] == [
        "slipway_train_torch.evaluate.ask",
        "slipway_eval_blender",
        "slipway_train_torch.evaluate",
    ]


def test_what_runs_answers_has_no_credentials_no_token_and_nothing_of_the_others() -> None:
    made = world()
    shut_in = containers(made)["blender"]
    assert "AWS" not in json.dumps(shut_in)
    assert [one["name"] for one in shut_in["env"]] == ["HOME", "TMPDIR"]
    assert shut_in["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert shut_in["resources"] == {
        "requests": {"cpu": "2", "memory": "4Gi"},
        "limits": {"memory": "4Gi", "ephemeral-storage": "1Gi"},
    }
    mounted = {one["name"] for one in shut_in["volumeMounts"]}
    assert mounted == {"job", "exchange", "blender-scratch"}
    pod = made.newest_job()["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert {one["name"]: one for one in pod["volumes"]}["exchange"] == {"name": "exchange", "emptyDir": {}}
    writers = [name for name, one in containers(made).items() if _writes(one, "exchange")]
    assert writers == ["measure", "blender"]


def test_the_gpu_is_held_while_the_model_is_asked() -> None:
    limits = {name: one["resources"]["limits"] for name, one in containers(world()).items()}
    assert [name for name, one in limits.items() if "nvidia.com/gpu" in one] == ["measure"]


def test_an_evaluation_that_runs_nothing_is_as_it_was() -> None:
    pod = world(evaluation=EVALUATION).newest_job()["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    assert {one["name"] for one in pod["volumes"]} == {"job", "scratch"}


def test_final_codes_of_every_container_end_the_job() -> None:
    rules = world().newest_job()["spec"]["podFailurePolicy"]["rules"]
    ending = [rule["onExitCodes"]["containerName"] for rule in rules if rule["action"] == "FailJob"]
    assert ending == ["main", "measure", "blender"]
    assert rules[-1] == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}


def ended(made: World, container: str, code: int, message: str = "", reason: str = "Error") -> None:
    """Let `container`, one before main, end the pod."""
    said = {"exitCode": code, "message": message, "reason": reason, "finishedAt": made.stamp()}
    before = {"measure": [], "blender": [{"name": "measure", "state": {"terminated": {"exitCode": 0}}}]}[container]
    made.pod(
        {
            "phase": "Failed",
            "initContainerStatuses": [*before, {"name": container, "state": {"terminated": said}}],
            "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}],
        }
    )
    made.finish("Failed", "PodFailurePolicy")


def test_what_the_blender_container_says_is_told() -> None:
    made = world()
    failed = Failed(reason="TaskBroken", message="task a: `before` does not run: line 1: NameError: x")
    ended(made, "blender", ExitCode.BAD_DATA, encode(failed))
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "TaskBroken"
    assert "task a: `before` does not run: line 1: NameError: x" in made.status()["message"]


def test_a_blender_container_that_is_killed_for_memory_says_so() -> None:
    made = world()
    ended(made, "blender", 137, reason="OOMKilled")
    made.settle()
    assert made.condition("Stalled")["reason"] == "OutOfMemory"


@pytest.mark.parametrize("waits", [{"name": "measure", "state": {"waiting": {"reason": "ImagePullBackOff"}}}])
def test_an_image_that_does_not_come_is_told(waits: dict[str, Any]) -> None:
    made = world()
    made.pod({"phase": "Pending", "initContainerStatuses": [waits]})
    made.wait(60)
    made.settle()
    assert "ImagePullBackOff" in made.status()["message"]


@pytest.mark.parametrize(
    "at", [("measure",), ("measure", "blender")], ids=["in its first container", "between two containers"]
)
def test_what_held_a_pod_up_is_told_no_more_once_it_is_at_work(at: tuple[str, ...]) -> None:
    made = world()
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}
    made.pod({"phase": "Pending", "conditions": [refused]})
    made.wait(60)
    made.settle()
    assert "Insufficient cpu" in made.status()["message"]
    done = [{"name": name, "state": {"terminated": {"exitCode": 0}}} for name in at[:-1]]
    state = {"waiting": {"reason": "PodInitializing"}} if done else {"running": {"startedAt": made.stamp()}}
    made.pod({"phase": "Pending", "initContainerStatuses": [*done, {"name": at[-1], "state": state}]})
    made.settle()
    assert made.status()["message"] == "evaluating against the base model"
    (run,) = runs(made.store, made.uid())
    assert (run.running, run.waiter) == (1, None)
    assert inquire(run, Facts(), made.now).asks == (), "its events are of the time before"


def test_another_blender_image_makes_another_job() -> None:
    made = world()
    (before,) = made.jobs()
    made.remove("Job", before)
    images = SETTINGS.images.model_copy(update={"eval_blender": "blender@2"})
    made.room = type(made.room)(SETTINGS.model_copy(update={"images": images}))
    made.settle()
    assert made.jobs() != [before]


def _writes(container: dict[str, Any], volume: str) -> bool:
    return any(one["name"] == volume and not one.get("readOnly") for one in container["volumeMounts"])
