"""From a new Dataset to published data, and through all that may happen on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipway.attempt import GRACE, LAG
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import parse_job
from slipway.contract.result import Failed, encode
from slipway.dataset.room import Room
from tests.unit.dataset.world import UID, World, prepared, refused
from tests.unit.worlds import SETTINGS

UNREACHABLE = Failed(reason="StoreUnreachable", message="object store http://store:8333, bucket slipway: no answer")


def running() -> World:
    world = World()
    world.settle()
    return world


def ready(mark: str = "a") -> World:
    world = running()
    world.succeed(mark)
    world.settle()
    return world


def test_a_new_dataset_gets_one_job_and_its_file() -> None:
    world = World()
    plan = world.step()
    config, job = plan.children
    assert (config["kind"], job["kind"]) == ("ConfigMap", "Job")
    told = parse_job(config["data"]["job.json"])
    assert told.type == "PrepareDataset"
    assert told.store == SETTINGS.store
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "data@1"
    assert container["command"] == ["python", "-m", "slipway_data"]
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    world.settle()
    assert world.status()["state"] == "Preparing"
    assert world.condition("Reconciling")["status"] == "True"
    assert world.condition("Ready")["status"] == "False"
    assert [event.reason for event in world.events] == ["PreparationStarted"]
    assert len(world.jobs()) == len(world.owned("ConfigMap")) == 1


def test_what_was_prepared_is_published() -> None:
    world = ready()
    status = world.status()
    assert status["state"] == "Ready"
    assert status["digest"] == status["artifact"]["digest"] == "sha256:" + "a" * 64
    assert status["rows"] == {"train": 80, "validation": 10, "test": 10, "rejected": 3, "duplicates": 2}
    assert status["report"].endswith("report.html")
    assert world.condition("Ready")["message"] == (
        "80 rows to train on, 10 to validate, 10 to test; 3 rejected, 2 duplicates"
    )
    assert not world.condition("Reconciling")
    assert [event.reason for event in world.events] == ["PreparationStarted", "Prepared"]
    assert len(world.jobs()) == 1
    world.wait(10_000)
    assert world.settle().events == ()


def test_files_for_hosted_tuning_are_published_and_change_the_recipe() -> None:
    world = ready()
    assert "exports" not in world.status()
    world.edit(export=["OpenAIChat"])
    told = parse_job(world.step().children[0]["data"]["job.json"])
    assert told.type == "PrepareDataset"
    assert told.export == ("OpenAIChat",)
    world.settle()
    assert world.status()["state"] == "Preparing"
    uri = "s3://slipway/slipway/datasets/b/exports/openai-chat/"
    export = {"format": "OpenAIChat", "uri": uri, "train": 79, "validation": 10, "leftOut": 1, "tokens": 5000}
    world.end(ExitCode.OK, encode(prepared("b", exports=(export,))), "Completed")
    world.settle()
    assert world.status()["exports"] == [export]
    world.edit(export=[])
    world.settle()
    world.succeed("c")
    world.settle()
    assert "exports" not in world.status()


def test_a_tokenizer_that_rows_are_rendered_with_reaches_the_pod_and_changes_the_recipe() -> None:
    world = ready()
    before = world.status()["recipe"]
    render = {"tokenizer": {"uri": "s3://models/tiny/", "digest": "sha256:" + "1" * 64}, "maxTokens": 99}
    world.edit(render=render)
    told = parse_job(world.step().children[0]["data"]["job.json"])
    assert told.type == "PrepareDataset"
    assert told.render is not None
    assert told.render.dump() == render
    world.settle()
    world.succeed("b")
    world.settle()
    assert world.status()["recipe"] != before


def test_the_result_counts_before_the_job_says_that_it_is_complete() -> None:
    world = running()
    world.end(ExitCode.OK, encode(prepared()), "Completed")
    world.settle()
    assert world.status()["state"] == "Ready"


def test_published_data_outlives_its_job_and_pods() -> None:
    world = ready()
    for job in list(world.jobs()):
        world.remove("Job", job)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.jobs() == []


def test_an_upgrade_prepares_nothing_again() -> None:
    world = ready()
    images = SETTINGS.images.model_copy(update={"data": "data@2"})
    world.room = Room(SETTINGS.model_copy(update={"images": images}))
    before = world.writes
    world.settle()
    assert world.writes == before


def test_defaults_may_be_written_or_left_out() -> None:
    world = ready()
    world.edit(split={"salt": "", "groupBy": "File"}, quality={}, steps=[{"parse": {"as": "JSONL"}}])
    world.settle()
    assert world.status()["state"] == "Ready"


@pytest.mark.parametrize(
    "spec",
    [
        {"source": {"objectStore": {"uri": "s3://slipway/other/"}}},
        {"schema": "Completion"},
        {"steps": [{"parse": {"as": "JSONL"}}, {"filter": {"minCharacters": 3}}]},
        {"split": {"salt": "again"}},
        {"quality": {"minRows": 5}},
    ],
)
def test_a_new_spec_is_prepared_while_the_old_data_stays_published(spec: dict[str, Any]) -> None:
    world = ready()
    first = world.jobs()
    world.edit(**spec)
    world.settle()
    assert world.status()["state"] == "Preparing"
    assert world.status()["digest"] == "sha256:" + "a" * 64
    assert world.condition("Ready")["status"] == "False"
    assert len(world.jobs()) == len(world.owned("ConfigMap")) == 1
    assert world.jobs() != first
    world.succeed("b")
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["digest"] == "sha256:" + "b" * 64


def test_resources_and_deadline_change_the_job_not_the_data() -> None:
    world = ready()
    world.edit(resources={"memory": "8Gi"}, deadlineSeconds=60)
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.status()["observedGeneration"] == 2
    assert world.condition("Ready")["observedGeneration"] == 2
    other = running()
    first = other.jobs()
    other.edit(resources={"memory": "8Gi"})
    other.settle()
    assert other.jobs() != first
    assert len(other.jobs()) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ExitCode.BAD_DATA, "TooFewRows"),
        (ExitCode.BAD_DATA, "WrongEncoding"),
        (ExitCode.BAD_CONFIG, "NoSuchBucket"),
        (ExitCode.OUT_OF_MEMORY, "OutOfMemory"),
        (ExitCode.UNEXPECTED, "Unexpected"),
    ],
)
def test_bad_data_is_said_with_its_reason_and_an_example(code: int, reason: str) -> None:
    world = running()
    world.fail(refused(reason, report="s3://slipway/report.html", rows={"train": 3, "rejected": 2}), code)
    world.settle()
    assert world.status()["state"] == "Failed"
    stalled = world.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    job = world.jobs()[0]
    assert stalled["message"] == (
        "quality.minRows is 10: 3 rows kept. Example: a.jsonl:1: bad. Report: s3://slipway/report.html. "
        f"Change spec, or delete Job {job} to try again."
    )
    assert world.status()["rows"]["rejected"] == 2
    assert world.status()["report"] == "s3://slipway/report.html"
    assert world.events[-1].type == "Warning"
    assert world.events[-1].reason == reason


def test_failure_stays_when_its_pods_are_gone_and_ends_when_its_job_is_deleted() -> None:
    world = running()
    world.fail()
    world.settle()
    message = world.status()["message"]
    for pod in world.store.owned(UID, "Pod"):
        world.remove("Pod", pod["metadata"]["name"])
    world.settle()
    assert world.status()["message"] == message
    count = len(world.events)
    world.remove("Job", world.jobs()[0])
    world.settle()
    assert world.status()["state"] == "Preparing"
    assert len(world.events) == count + 1


def test_a_failed_change_keeps_the_old_data_and_going_back_is_ready_at_once() -> None:
    world = ready()
    before = dict(world.status())
    world.edit(schema="Completion")
    world.settle()
    world.fail(refused(rows={"train": 1}, report="s3://slipway/r.jsonl"))
    world.settle()
    assert world.status()["state"] == "Failed"
    assert world.status()["digest"] == before["digest"]
    assert "s3://slipway/r.jsonl" in world.status()["message"]
    world.edit()
    world.settle()
    assert world.status()["state"] == "Ready"
    assert {k: world.status()[k] for k in ("digest", "rows", "report")} == {
        k: before[k] for k in ("digest", "rows", "report")
    }


def test_an_unreachable_store_is_said_and_tried_again_ever_more_slowly() -> None:
    world = running()
    waits = []
    for attempt in range(1, 8):
        jobs = world.jobs()
        world.fail(UNREACHABLE, ExitCode.STORE_UNREACHABLE, "BackoffLimitExceeded")
        plan = world.settle()
        assert world.jobs() == jobs
        assert world.status()["state"] == "Preparing"
        assert world.condition("Reconciling")["reason"] == "StoreUnreachable"
        assert "http://store:8333" in world.status()["message"]
        assert "trying again at 2026-11-20T" in world.status()["message"]
        assert plan.requeue_after is not None
        waits.append(plan.requeue_after.total_seconds())
        world.wait(waits[-1])
        world.settle()
        assert world.jobs() != jobs, attempt
        assert len(world.jobs()) == len(world.owned("ConfigMap")) == 1
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    world.succeed()
    world.settle()
    assert world.status()["state"] == "Ready"


def test_what_an_attempt_complained_about_is_shown_while_the_job_tries_again() -> None:
    world = running()
    world.end(ExitCode.STORE_UNREACHABLE, json.dumps(UNREACHABLE.dump()))
    world.settle()
    assert world.status()["state"] == "Preparing"
    assert world.status()["message"].endswith("bucket slipway: no answer; trying again")


def test_trouble_of_a_pod_is_shown_after_a_while() -> None:
    world = running()
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    world.pod({"phase": "Pending", "containerStatuses": [{"name": "main", "state": {"waiting": waiting}}]})
    plan = world.settle()
    assert "ImagePullBackOff" not in world.status()["message"]
    assert plan.requeue_after == GRACE
    world.wait(GRACE.total_seconds())
    world.settle()
    assert "ImagePullBackOff: no such image" in world.status()["message"]
    assert world.status()["state"] == "Preparing"


def test_a_pod_that_fits_nowhere_is_shown() -> None:
    world = running()
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: insufficient memory"}
    world.pod({"phase": "Pending", "conditions": [unscheduled]})
    world.wait(60)
    world.settle()
    assert "cannot be scheduled: 0/1 nodes: insufficient memory" in world.status()["message"]


def test_a_lost_result_is_waited_for_then_made_again() -> None:
    world = running()
    world.finish("Complete")
    plan = world.settle()
    assert plan.requeue_after == LAG
    first = world.jobs()
    world.wait(LAG.total_seconds())
    world.settle()
    assert world.jobs() != first
    assert world.status()["state"] == "Preparing"


def test_time_and_memory_are_told_with_their_cure() -> None:
    world = running()
    world.finish("Failed", "DeadlineExceeded")
    world.settle()
    assert world.condition("Stalled")["reason"] == "PreparationTimedOut"
    assert "spec.deadlineSeconds" in world.status()["message"]
    world = running()
    world.end(137, "", "OOMKilled")
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.condition("Stalled")["reason"] == "OutOfMemory"
    assert "spec.resources.memory" in world.status()["message"]


def test_a_pod_that_wrote_more_than_it_may_is_told_with_the_cure() -> None:
    world = running()
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. "
    world.end(137, "", "ContainerStatusUnknown", "pod-1", exceeds=said)
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.status()["state"] == "Failed"
    assert world.condition("Stalled")["reason"] == "StorageExceeded"
    assert world.status()["message"].startswith(
        "pod pod-1 was evicted: Pod ephemeral local storage usage exceeds the total limit of containers 10Gi; "
        "raise spec.resources.storage"
    )


@pytest.mark.parametrize("said", ["Traceback: boom", ""])
def test_a_pod_without_a_result_is_quoted(said: str) -> None:
    world = running()
    world.end(1, said)
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.condition("Stalled")["reason"] == "PreparationFailed"
    assert said in world.status()["message"]
    world = running()
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert "BackoffLimitExceeded" in world.status()["message"]


def test_files_too_large_for_a_pods_job_file_are_refused_without_a_job() -> None:
    world = World()
    files = [{"name": f"f{n}", "text": "x" * 250_000} for n in range(5)]
    world.edit(source={"inline": {"files": files}})
    world.settle()
    assert world.condition("Stalled")["reason"] == "InlineTooLarge"
    assert "spec.source.objectStore" in world.status()["message"]
    assert world.jobs() == []
    world.edit()
    world.settle()
    assert world.status()["state"] == "Preparing"


def test_a_spec_of_another_version_is_stalled_and_touches_nothing() -> None:
    world = ready()
    jobs = world.jobs()
    world.edit(colour="red")
    world.settle()
    assert world.condition("Stalled")["reason"] == "InvalidSpec"
    assert "spec.colour" in world.status()["message"]
    assert world.jobs() == jobs
    world.edit()
    world.settle()
    assert world.status()["state"] == "Ready"


def test_a_status_that_is_not_ours_is_made_anew() -> None:
    world = World()
    world.put({**world.root(), "status": {"state": "Dancing", "rows": 7}})
    world.settle()
    assert world.status()["state"] == "Preparing"


def test_a_dataset_wakes_for_nobody() -> None:
    world = World()
    assert list(Room(SETTINGS).wakes(world.root(), world.store)) == []
