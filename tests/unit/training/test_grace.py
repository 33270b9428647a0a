"""Pods are granted the time that stopping was measured to take; what runs already is told of, and left alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from slipway.api.trainingjob import Checkpoint
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import parse_job
from slipway.contract.result import Preempted, encode
from slipway.training.grace import wanted
from tests.unit.training import jobset
from tests.unit.training.kueue import QUEUE, admit, take_back
from tests.unit.training.world import running, started
from tests.unit.worlds import World

SAVED = encode(Preempted(step=3))


def pushing(made: World, seconds: int | None) -> None:
    told = {"stopSeconds": seconds} if seconds is not None else {}
    made.put({**made.root(), "status": {**made.status(), "progress": {"step": 3, "steps": 8} | told}})
    made.settle()


def granted(made: World, job: Any = None) -> int:
    pod = (job or made.newest_job())["spec"]["template"]["spec"]
    return int(pod["terminationGracePeriodSeconds"])


def warnings(made: World) -> list[str]:
    return [event.message for event in made.events if event.reason == "GraceTooShort"]


def next_attempt(made: World) -> None:
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod=f"pod-{made.writes}")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    made.wait(3600)
    made.settle()


@pytest.mark.parametrize(
    ("took", "asked", "seconds"),
    [
        (None, None, 120),
        (10, None, 120),
        (61, None, 122),
        (900, 300, 1800),
        (60, 300, 300),
        (None, 600, 600),
        (9000, None, 3600),
    ],
)
def test_twice_the_longest_stop_within_bounds(took: int | None, asked: int | None, seconds: int) -> None:
    assert wanted(TrainingJobStatus(stop_seconds=took), Checkpoint(grace_seconds=asked)) == seconds


@pytest.mark.parametrize("seconds", [119, 3601])
def test_a_floor_has_bounds(seconds: int) -> None:
    with pytest.raises(ValidationError):
        Checkpoint(grace_seconds=seconds)


def test_the_next_attempt_is_granted_what_was_measured_and_its_pod_knows() -> None:
    made = running()
    assert granted(made) == 120
    pushing(made, 90)
    pushing(made, None)  # a pod that has not saved yet
    pushing(made, 40)
    assert made.status()["stopSeconds"] == 90
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod="pod-1")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    made.wait(3600)
    config, job = made.step().children
    assert granted(made, job) == parse_job(config["data"]["job.json"]).grace_seconds == 180
    made.settle()
    assert warnings(made) == []


def test_what_is_measured_renames_and_restarts_nothing_that_runs() -> None:
    made = running()
    before = made.newest_job()
    pushing(made, 500)
    assert made.newest_job() == before
    made.edit(suspend=True)
    made.settle()
    assert made.jobs() == [before["metadata"]["name"]], "suspending it writes the Job that is there"
    assert granted(made) == 120


def test_a_running_attempt_with_too_little_is_told_of_once_with_the_cure() -> None:
    made = running()
    pushing(made, 130)
    pushing(made, 140)
    [said] = warnings(made)
    assert said == (
        "a step and a save take 130 s, and its pods are granted 120 s between SIGTERM and SIGKILL: one that is "
        "evicted loses what it did since its last checkpoint; set spec.suspend to true right after a checkpoint, then "
        "to false: its new pods are granted 260 s; for the next run set checkpoint.graceSeconds to 260"
    )
    assert "trains; a step and a save take 140 s" in made.status()["message"]
    next_attempt(made)
    made.pod({"phase": "Running"}, "pod-9")
    made.settle()
    assert granted(made) == 280
    assert made.status()["message"].endswith(" trains")
    assert len(warnings(made)) == 1


def test_where_no_longer_grace_is_to_be_had_the_cure_is_another() -> None:
    made = running(checkpoint={"graceSeconds": 3600})
    pushing(made, 4000)
    assert warnings(made)[0].endswith(
        "its pods are granted no more: lower recipe.causalLM.batchSize, or train fewer weights"
    )


def test_a_floor_is_for_the_first_attempt_too_and_leaves_other_names_alone() -> None:
    plain, asked = started(), started(checkpoint={"graceSeconds": 600})
    assert (granted(plain), granted(asked)) == (120, 600)
    assert plain.jobs() == started(checkpoint={"everySteps": 200}).jobs()
    pushing(asked, 200)
    asked.put({**asked.root(), "status": {}})
    job = asked.newest_job()
    asked.settle()
    assert asked.newest_job() == job, "a lost status is found again from the Job"


def test_a_lost_status_finds_a_job_with_a_longer_grace_again() -> None:
    made = running()
    pushing(made, 500)
    next_attempt(made)
    made.pod({"phase": "Running"}, "pod-9")
    made.settle()
    job = made.newest_job()
    made.put({**made.root(), "status": {}})
    made.settle()
    assert made.newest_job() == job


def test_a_run_that_was_suspended_goes_on_in_a_job_with_more() -> None:
    made = running()
    first = made.jobs()
    pushing(made, 500)
    made.edit(suspend=True)
    made.settle()
    made.edit(suspend=False)
    made.settle()
    assert made.jobs() == first, "its pod still saves"
    assert made.newest_job()["spec"]["suspend"] is True
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-1")
    made.settle()
    assert len(made.jobs()) == 1
    assert made.jobs() != first
    assert (granted(made), made.newest_job()["spec"]["suspend"]) == (1000, False)
    made.pod({"phase": "Running"}, "pod-2")
    made.settle()
    assert made.status()["state"] == "Running"
    assert "restarts" not in made.status()
    assert made.status()["snapshot"]["image"] == "train@1"


def test_a_run_that_is_suspended_and_has_enough_keeps_its_job() -> None:
    made = running()
    first = made.jobs()
    pushing(made, 60)
    made.edit(suspend=True)
    made.settle()
    made.remove("Pod", "pod-1")
    made.settle()
    made.edit(suspend=False)
    made.settle()
    assert made.jobs() == first


def test_a_run_that_its_queue_took_back_waits_in_it_with_more() -> None:
    made = started(queue=QUEUE)
    admit(made)
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    first = made.jobs()
    pushing(made, 100)
    made.wait(10)
    take_back(made)
    made.settle()
    assert made.jobs() == first, "its pod still saves"
    made.end(ExitCode.PREEMPTED, SAVED, pod="pod-1")
    made.settle()
    assert len(made.jobs()) == 1
    assert made.jobs() != first
    job = made.newest_job()
    assert (granted(made), job["spec"]["suspend"]) == (200, True), "only Kueue lets it go"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpu"
    assert made.status()["restarts"] == {"preempted": 1, "failed": 0}
    made.wait(60)
    made.settle()
    assert made.newest_job() == job


def test_a_webhook_that_grants_less_makes_no_job_anew_for_ever() -> None:
    made = started(queue=QUEUE)
    first = made.jobs()
    pushing(made, 100)
    job = made.newest_job()
    assert first != [job["metadata"]["name"]]
    template = job["spec"]["template"]
    lowered = {**template, "spec": {**template["spec"], "terminationGracePeriodSeconds": 60}}
    made.put({**job, "spec": {**job["spec"], "template": lowered}})
    made.settle()
    assert made.jobs() == [job["metadata"]["name"]]


def test_a_job_that_somebody_else_suspended_is_left_alone() -> None:
    made = running()
    pushing(made, 500)
    take_back(made)
    made.settle()
    made.remove("Pod", "pod-1")
    made.settle()
    assert granted(made) == 120
    assert made.condition("Ready")["reason"] == "SuspendedByOthers"


def test_several_nodes_are_granted_it_with_their_next_jobset() -> None:
    made = jobset.all_running(retries=3)
    pushing(made, 300)
    assert len(warnings(made)) == 1
    for number in range(2):
        jobset.end(made, number, ExitCode.UNEXPECTED, jobset.failed("Unexpected", "RuntimeError: so"))
    jobset.finish(made, "Failed")
    made.settle()
    made.wait(11)
    made.settle()
    job = jobset.newest(made)["spec"]["replicatedJobs"][0]["template"]
    assert granted(made, job) == 600
