"""A Job whose pods are refused, or do not start, says why in its root's status, and goes on when it is mended."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.attempt import GRACE
from slipway.holdups import SKEW
from slipway.plan import Answer, Facts, Warnings
from slipway.rollout.pods import read
from tests.unit.dataset.world import World as DatasetWorld
from tests.unit.model import world as models
from tests.unit.model.world import version
from tests.unit.rollout.world import World as RolloutWorld
from tests.unit.training.world import started
from tests.unit.worlds import NAMESPACE, World

QUOTA = (
    'Error creating: pods "{pod}" is forbidden: exceeded quota: compute, requested: requests.memory=8Gi, '
    "used: requests.memory=1Gi, limited: requests.memory=4Gi"
)


def dataset() -> World:
    made = DatasetWorld()
    made.settle()
    return made


def model() -> World:
    made = models.World()
    made.put(version())
    made.settle()
    return made


def waits(reason: str) -> dict[str, Any]:
    return {"phase": "Pending", "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason}}}]}


def warn(made: World, reason: str, message: str, seconds_ago: float = 0) -> None:
    """Let the last warning about what the plan asks for be this one."""
    asks = made.plan().asks
    series = (({"reason": reason, "message": message}, made.now.timestamp() - seconds_ago),)
    made.facts = Facts({ask.id: Answer(made.now, series=series) for ask in asks})


@pytest.mark.parametrize("make", [dataset, started, model], ids=["Dataset", "TrainingJob", "ModelVersion"])
def test_a_quota_is_told_with_its_cure_and_forgotten_when_the_pod_is_there(make) -> None:
    made = make()
    job = made.jobs()[0]
    assert made.plan().asks == ()
    made.wait(GRACE.total_seconds())
    [ask] = made.plan().asks
    assert ask.question == Warnings("Job", NAMESPACE, job)
    warn(made, "FailedCreate", QUOTA.format(pod=f"{job}-a1"))
    made.settle()
    assert made.condition("Ready")["reason"] == "QuotaExceeded"
    assert made.condition("Reconciling")["status"] == "True", "it is no dead end"
    assert "its pod is forbidden: exceeded quota: compute" in made.status()["message"]
    assert "raise ResourceQuota compute" in made.status()["message"]
    before = made.status()
    made.wait(30)
    warn(made, "FailedCreate", QUOTA.format(pod=f"{job}-b2"))
    made.settle()
    assert made.status() == before, "the next try is no news"
    made.pod({"phase": "Running"})
    made.settle()
    assert "quota" not in made.status()["message"]
    assert made.plan().asks == ()


def test_yesterdays_refusal_is_no_reason_today() -> None:
    made = started()
    made.wait(GRACE.total_seconds() + 60)
    warn(made, "FailedCreate", QUOTA.format(pod="x"), seconds_ago=GRACE.total_seconds() + 60 + SKEW + 1)
    made.settle()
    assert "quota" not in made.status()["message"]


@pytest.mark.parametrize(
    ("status", "event", "reason", "said"),
    [
        (
            waits("ErrImagePull"),
            ("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (registry); trying anyway"),
            "ImagePullSecretNotFound",
            "create Secret registry",
        ),
        (
            waits("ContainerCreating"),
            ("FailedMount", 'MountVolume.SetUp failed for volume "pod-ca" : secret "ca" not found'),
            "SecretNotFound",
            'pod pod-1: MountVolume.SetUp failed for volume "pod-ca" : secret "ca" not found; create what is missing',
        ),
    ],
)
def test_what_only_events_of_the_pod_say_is_told(status: dict[str, Any], event, reason: str, said: str) -> None:
    made = started()
    made.pod(status, "pod-1")
    made.wait(GRACE.total_seconds())
    [ask] = made.plan().asks
    assert ask.question == Warnings("Pod", NAMESPACE, "pod-1")
    warn(made, *event)
    made.settle()
    assert made.condition("Ready")["reason"] == reason
    assert said in made.status()["message"]


@pytest.mark.parametrize("what", ["configmap", "secret"])
def test_a_mount_that_came_too_soon_is_no_trouble_while_the_image_is_pulled(what: str) -> None:
    made = started()
    made.pod(waits("ContainerCreating"), "pod-1")
    made.wait(GRACE.total_seconds())
    said = f"failed to sync {what} cache: timed out waiting for the condition"
    warn(made, "FailedMount", f'MountVolume.SetUp failed for volume "job" : {said}', 18)
    made.settle()
    assert made.condition("Ready")["reason"] == "WaitingForPod"
    assert made.status()["message"].endswith("waits for its pod")


def test_a_pod_that_says_itself_what_is_wrong_is_not_asked_about() -> None:
    made = started()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "3 Insufficient cpu."}
    made.pod({"phase": "Pending", "conditions": [condition]}, "pod-1")
    made.wait(GRACE.total_seconds())
    made.settle()
    assert made.plan().asks == ()
    assert made.condition("Ready")["reason"] == "Unschedulable"
    assert "3 Insufficient cpu; ask for less cpu in resources" in made.status()["message"]


def test_an_answer_that_failed_leaves_what_was_known() -> None:
    made = started()
    made.wait(GRACE.total_seconds())
    made.facts = Facts({ask.id: Answer(made.now, error="the operator may not list events") for ask in made.plan().asks})
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.status()["message"].endswith("waits for its pod: the operator may not list events")


def test_a_rollout_tells_why_its_pods_are_refused() -> None:
    made = RolloutWorld()
    made.tick()
    [deployment] = [one for (kind, _), one in made.objects.items() if kind == "Deployment"]
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA.format(pod="x-1")}
    deployment["status"] = {"conditions": [refused]}
    [pods] = read([], [], [deployment]).values()
    assert pods.problem.startswith("Error creating: a pod is forbidden: exceeded quota: compute")
    assert "raise ResourceQuota compute" in pods.problem
