"""From a new TrainingJob to its ModelVersion, and through all that may happen on the way."""

from __future__ import annotations

import pytest

from slipway.attempt import FIRST_WAIT, GRACE, LAG
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import parse_job
from slipway.contract.result import Preempted, encode
from slipway.settings import Images
from slipway.training.room import Room
from tests.unit.training.world import BASE, DIGEST, dataset, refuse, running, started, succeed, world
from tests.unit.worlds import NAMESPACE, SETTINGS, World


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        (None, "DatasetNotFound", "Dataset blueprints does not exist in namespace demo: create it"),
        (dataset("Preparing", message="Job x prepares the data"), "DatasetNotReady", "Job x prepares the data"),
        (dataset("Failed", message="3 rows kept."), "DatasetFailed", "Dataset blueprints failed: 3 rows kept. Correct"),
        (dataset("Ready", generation=2), "DatasetNotReady", "waiting for Dataset blueprints"),
    ],
)
def test_nothing_starts_before_the_data_is_good(data, reason, said) -> None:
    made = world(data=data)
    made.settle()
    assert made.jobs() == []
    assert made.status()["state"] == "Pending"
    assert made.condition("Ready")["reason"] == reason
    assert said in made.status()["message"]


def test_a_run_starts_when_its_data_is_ready() -> None:
    made = world(data=dataset("Preparing"))
    made.settle()
    made.put(dataset())
    assert [key.name for key in made.room.wakes(dataset(), made.store)] == ["assistant-v1"]
    config, job = made.step().children
    assert made.status()["state"] == "Queued"
    told = parse_job(config["data"]["job.json"])
    assert told.dataset.digest == DIGEST
    assert told.progress_url == "http://progress:8090"
    assert told.checkpoint_uri == "s3://slipway/slipway/checkpoints/demo/assistant-v1-uid-trai/"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"] == ["python", "-m", "slipway_train_torch.causal_lm"]
    assert pod["terminationGracePeriodSeconds"] > told.grace_seconds - 1


def test_a_started_run_keeps_its_snapshot() -> None:
    made = running()
    before = dict(made.status()["snapshot"])
    other = dataset()
    other["status"]["artifact"]["digest"] = "sha256:" + "e" * 64
    made.put(other)
    made.room = Room(
        SETTINGS.model_copy(update={"images": Images(**{**SETTINGS.images.model_dump(), "train_torch": "train@2"})})
    )
    made.settle()
    assert made.status()["snapshot"] == before
    assert len(made.jobs()) == 1


def test_a_finished_run_becomes_a_model_version() -> None:
    made = running()
    assert made.status()["state"] == "Running"
    succeed(made)
    made.settle()
    version = made.get("ModelVersion", "assistant-1.0.0")
    assert version is not None
    spec = version["spec"]
    assert spec["artifact"]["digest"] == "sha256:" + "a" * 64
    assert spec["baseModel"] == BASE
    assert spec["evaluationData"]["digest"] == DIGEST
    assert spec["lineage"]["trainingJob"] == "assistant-v1"
    assert spec["lineage"]["image"] == "train@1"
    assert spec["lineage"]["parameters"] == {"rank": "16"}
    assert made.status()["state"] == "Succeeded"
    assert made.status()["modelVersion"] == "assistant-1.0.0"
    assert made.condition("Ready")["status"] == made.condition("Succeeded")["status"] == "True"
    assert [event.reason for event in made.events] == ["TrainingStarted", "Trained"]


def test_a_result_of_an_earlier_step_says_which() -> None:
    made = running()
    succeed(made, steps=40, published_step=25, validation_loss="1.5")
    made.settle()
    assert (made.status()["steps"], made.status()["publishedStep"]) == (40, 25)
    assert made.status()["message"].endswith("with validation loss 1.5, the weights of step 25 of 40")


def pushing(made, micro_batch_size: int, recompute: bool = False) -> None:
    progress = {"step": 3, "steps": 8, "microBatchSize": micro_batch_size, "recompute": recompute}
    made.put({**made.root(), "status": {**made.status(), "progress": progress}})
    made.settle()


def test_each_smaller_piece_is_told_once() -> None:
    made = running(recipe={"causalLM": {"batchSize": 8}})
    before = len(made.events)
    pushing(made, 8)
    assert made.status()["layout"] == {"microBatchSize": 8, "recompute": False}
    assert len(made.events) == before
    pushing(made, 4)
    pushing(made, 4)
    pushing(made, 1, recompute=True)
    told = list(made.events[before:])
    assert [event.reason for event in told] == ["SmallerPieces", "SmallerPieces"]
    assert "does not suffice for 8 rows at a time: the run goes on with 4. " in told[0].message
    assert "does not suffice for 4 rows at a time: the run goes on with 1, with activations computed" in told[1].message


def test_a_run_that_starts_anew_is_no_event() -> None:
    made = running(recipe={"causalLM": {"batchSize": 8}})
    pushing(made, 4)
    before = len(made.events)
    pushing(made, 8)
    assert len(made.events) == before
    assert made.status()["layout"]["microBatchSize"] == 8


def test_smaller_pieces_that_no_push_told_of_are_told_by_the_result() -> None:
    made = running(recipe={"causalLM": {"batchSize": 8, "microBatchSize": 4}})
    succeed(made, rungs=[{"step": 1, "microBatch": 2, "recompute": False}])
    made.settle()
    assert made.status()["layout"] == {"microBatchSize": 2, "recompute": False}
    assert [event.reason for event in made.events] == ["TrainingStarted", "SmallerPieces", "Trained"]


def test_a_crash_between_status_and_version_is_made_good() -> None:
    made = running()
    succeed(made)
    plan = made.plan()
    made.put({**made.root(), "status": plan.status})  # the process died here: the ModelVersion was never applied
    made.settle()
    assert made.status()["state"] == "Succeeded"
    assert made.get("ModelVersion", "assistant-1.0.0") is not None


def test_a_finished_run_never_starts_again() -> None:
    made = running()
    succeed(made)
    made.settle()
    before = dict(made.status())
    for kind in ("Job", "ConfigMap"):
        made.remove(kind, made.owned(kind)[0])
    made.remove("ModelVersion", "assistant-1.0.0")
    made.put(dataset("Failed"))
    made.settle()
    assert made.status() == before
    assert made.jobs() == []


def test_a_taken_name_is_told_before_anything_runs() -> None:
    made = world()
    foreign = {"kind": "ModelVersion", "metadata": {"name": "assistant-1.0.0", "namespace": NAMESPACE}}
    made.put(foreign | {"spec": {"model": "assistant", "artifact": {"digest": "sha256:" + "f" * 64}}})
    made.put(dataset())
    made.settle()
    assert made.condition("Stalled")["reason"] == "VersionTaken"
    assert made.jobs() == []
    made.remove("ModelVersion", "assistant-1.0.0")
    made.settle()
    assert made.status()["state"] == "Queued"


@pytest.mark.parametrize(("spec", "state"), [({}, "Queued"), ({"recipe": {"causalLM": {"maxSteps": 9}}}, "Pending")])
def test_a_run_created_again_trains_only_what_its_version_was_trained_with(spec, state) -> None:
    made = running()
    succeed(made)
    made.settle()
    version = made.get("ModelVersion", "assistant-1.0.0")
    again = world(data=dataset(), **spec)
    again.put(version)
    again.settle()
    assert again.status()["state"] == state
    assert len(again.jobs()) == (state == "Queued")
    if state == "Pending":
        assert "made by another recipe" in again.condition("Stalled")["message"]


def test_a_name_taken_meanwhile_fails_the_run_and_names_the_artefact() -> None:
    made = running()
    foreign = {"kind": "ModelVersion", "metadata": {"name": "assistant-1.0.0", "namespace": NAMESPACE}}
    made.put(foreign | {"spec": {"model": "assistant", "artifact": {"digest": "sha256:" + "f" * 64}}})
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "VersionTaken"
    assert "s3://slipway/slipway/models/" in made.status()["message"]


def test_what_the_pod_says_is_what_status_says() -> None:
    made = running()
    refuse(made)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Succeeded")["status"] == "False"
    assert made.condition("Stalled")["reason"] == "LossNotFinite"
    assert "lower learningRate. Example: row-7" in made.status()["message"]
    assert made.events[-1].type == "Warning"


@pytest.mark.parametrize(
    ("code", "reason", "told", "said"),
    [
        (137, "OOMKilled", "OutOfMemory", "was killed for memory (OOMKilled); raise spec.resources.memory"),
        (137, "Error", "OutOfMemory", "was killed, most often for memory; raise spec.resources.memory"),
        (1, "Error", "TrainingFailed", "ended with code 1: Traceback: boom"),
    ],
)
def test_a_pod_that_says_nothing_is_understood_by_its_code(code, reason, told, said) -> None:
    made = running()
    made.end(code, "Traceback: boom", reason, "pod-1")
    made.finish("Failed", "BackoffLimitExceeded")
    made.settle()
    assert made.condition("Stalled")["reason"] == told
    assert made.status()["message"].startswith(f"pod pod-1 {said}")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("OOMKilled", "pod pod-1 was killed for memory (OOMKilled); trying again"),
        ("Error", "pod pod-1 ended with code 137: step 7 of 24; trying again"),
    ],
)
def test_a_run_that_is_tried_again_says_what_its_last_pod_was_killed_for(reason: str, told: str) -> None:
    made = running()
    made.end(137, "step 7 of 24", reason, "pod-1")
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.status()["restarts"] == {"failed": 1, "preempted": 0}
    assert made.status()["message"].endswith(f"waits for its pod: {told}")


def test_a_pod_that_wrote_more_than_it_may_is_told_apart_from_one_killed_for_memory() -> None:
    made = running()
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. "
    made.end(137, "", "ContainerStatusUnknown", "pod-1", exceeds=said)
    made.finish("Failed", "BackoffLimitExceeded")
    made.settle()
    assert made.condition("Stalled")["reason"] == "StorageExceeded"
    assert made.status()["message"].startswith(
        "pod pod-1 was evicted: Pod ephemeral local storage usage exceeds the total limit of containers 10Gi; "
        "raise spec.resources.storage"
    )


def test_a_store_that_stays_away_is_waited_for() -> None:
    made = running()
    first = made.jobs()
    made.end(ExitCode.STORE_UNREACHABLE, "", pod="pod-1")
    made.finish("Failed", "BackoffLimitExceeded")
    plan = made.settle()
    assert plan.requeue_after == FIRST_WAIT
    assert made.condition("Ready")["reason"] == "StoreUnreachable"
    made.wait(FIRST_WAIT.total_seconds())
    made.settle()
    assert made.status()["state"] == "Queued"
    assert len(made.jobs()) == 1
    assert made.jobs() != first


def test_disruptions_are_no_failures() -> None:
    made = running()
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1")
    made.end(143, "killed", pod="pod-2", evicted=True)
    made.end(1, "boom", pod="pod-3")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 2, "failed": 1}
    assert made.status()["state"] == "Queued"
    made.remove("Pod", "pod-2")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 2, "failed": 1}


def test_restarts_of_all_attempts_add_up() -> None:
    made = running()
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1")
    made.end(ExitCode.STORE_UNREACHABLE, "no route", pod="pod-2")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 1, "failed": 1}
    made.wait(3600)
    made.settle()
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=6)), pod="pod-3")
    made.settle()
    assert made.status()["restarts"] == {"preempted": 2, "failed": 1}
    assert made.status()["earlierRestarts"] == {"attempt": 2, "preempted": 1, "failed": 1}


def test_suspend_stops_the_job_and_goes_on() -> None:
    made = running()
    made.edit(suspend=True)
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is True
    assert made.condition("Ready")["reason"] == "Stopping"
    made.remove("Pod", "pod-1")
    made.settle()
    assert made.status()["state"] == "Suspended"
    assert made.plan().requeue_after is None
    made.edit(suspend=False)
    made.settle()
    assert made.newest_job()["spec"]["suspend"] is False
    assert made.status()["state"] == "Queued"
    assert len(made.jobs()) == 1


def test_a_suspended_new_run_asks_for_nothing() -> None:
    made = started(suspend=True)
    assert made.status()["state"] == "Suspended"
    assert made.jobs() == []


def test_the_deadline_counts_all_attempts_and_no_pause() -> None:
    made = running(deadlineSeconds=100)
    made.wait(60)
    made.edit(suspend=True)
    made.settle()
    made.remove("Pod", "pod-1")
    made.settle()
    made.wait(10_000)
    made.edit(suspend=False)
    made.settle()
    made.pod({"phase": "Running"}, "pod-2")
    plan = made.settle()
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == 40
    made.wait(40)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == "DeadlineExceeded"
    assert made.jobs() == []


def test_time_without_an_operator_counts_only_while_the_pod_ran() -> None:
    made = running(deadlineSeconds=600)
    pod = made.store.owned(made.uid(), "Pod")[0]["metadata"]["name"]
    made.wait(60)
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod=pod)
    made.wait(3600)  # nobody looked
    made.settle()
    assert made.status()["runningSeconds"] == 60
    assert made.status()["state"] == "Queued"


def test_a_new_attempt_of_a_suspended_run_asks_for_no_pod() -> None:
    made = running()
    made.end(ExitCode.STORE_UNREACHABLE, "", pod="pod-1")
    made.finish("Failed", "PodFailurePolicy")
    made.settle()
    made.edit(suspend=True)
    made.wait(FIRST_WAIT.total_seconds())
    made.step()
    assert len(made.jobs()) == 1
    assert made.newest_job()["spec"]["suspend"] is True
    made.settle()
    assert made.status()["state"] == "Suspended"


def test_waiting_for_a_node_does_not_use_up_the_deadline() -> None:
    made = started(deadlineSeconds=600)
    made.wait(600)
    made.finish("Failed", "DeadlineExceeded")
    made.settle()
    assert made.status()["state"] == "Queued"
    assert made.newest_job()["metadata"]["labels"]["slipway.dev/attempt"] == "2"


def test_a_result_nobody_saw_is_trained_again_from_its_checkpoint() -> None:
    made = running()
    made.remove("Pod", "pod-1")
    made.finish("Complete")
    plan = made.settle()
    assert plan.requeue_after == LAG
    assert made.condition("Ready")["reason"] == "ResultLost"
    made.wait(LAG.total_seconds())
    first = made.jobs()
    made.settle()
    assert len(made.jobs()) == 1
    assert made.jobs() != first


def test_objects_go_after_their_time() -> None:
    made = running(ttlSecondsAfterFinished=30)
    succeed(made)
    plan = made.settle()
    assert plan.requeue_after is not None
    made.wait(31)
    made.settle()
    assert made.jobs() == made.owned("ConfigMap") == []
    assert made.status()["state"] == "Succeeded"


def test_progress_belongs_to_its_own_writer() -> None:
    made = running()
    made.put({**made.root(), "status": {**made.status(), "progress": {"step": 3, "steps": 8, "phase": "Publishing"}}})
    plan = made.settle()
    assert "progress" not in plan.status
    assert made.status()["state"] == "Publishing"


def tell(made: World) -> None:
    """Let the pod push its progress, with a time left."""
    told = {"step": 3, "steps": 8, "percent": 37, "etaSeconds": 50, "tokensPerSecond": 9}
    made.put({**made.root(), "status": {**made.status(), "progress": told}})
    made.settle()


@pytest.mark.parametrize("end", ["failed", "done", "suspended", "disrupted", "overdue"])
def test_a_run_of_which_nothing_runs_has_no_time_left(end: str) -> None:
    made = running()
    tell(made)
    assert made.status()["progress"]["etaSeconds"] == 50
    match end:
        case "failed":
            refuse(made)
        case "done":
            succeed(made)
        case "suspended":
            made.edit(suspend=True)
        case "disrupted":
            made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1", evicted=True)
        case _:
            made.wait(10_000_000)
    made.settle()
    assert made.status()["progress"] == {"step": 3, "steps": 8, "percent": 37, "tokensPerSecond": 9}


def test_a_push_that_comes_after_the_end_is_no_news_of_time() -> None:
    made = running()
    succeed(made)
    made.settle()
    tell(made)
    assert "etaSeconds" not in made.status()["progress"]


def test_a_run_that_goes_on_has_a_time_left_again() -> None:
    made = running()
    tell(made)
    made.end(ExitCode.PREEMPTED, encode(Preempted(step=3)), pod="pod-1", evicted=True)
    made.settle()
    made.pod({"phase": "Running"}, "pod-2")
    made.settle()
    tell(made)
    assert made.status()["progress"]["etaSeconds"] == 50


def test_trouble_of_a_pod_is_told() -> None:
    made = started()
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    made.waiting(**waiting)
    assert made.settle().requeue_after == GRACE
    assert "ErrImagePull" not in made.status()["message"], "images take a while; that is no trouble yet"
    made.wait(GRACE.total_seconds())
    made.settle()
    assert "ErrImagePull: no such image" in made.status()["message"]


def test_a_spec_of_another_schema_is_named() -> None:
    made = world(recipe={"magic": {}})
    made.settle()
    assert made.condition("Stalled")["reason"] == "InvalidSpec"
    assert "spec.recipe" in made.status()["message"]


def test_a_missing_secret_comes_with_its_cure() -> None:
    made = started()
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "slipway-object-store" not found'}
    made.waiting(**waiting)
    made.wait(GRACE.total_seconds())
    made.settle()
    assert "not found; is this namespace among workloadNamespaces of the chart" in made.status()["message"]


def test_a_lost_status_is_found_again_from_the_job() -> None:
    made = running()
    before = made.status()["snapshot"]
    made.put({**made.root(), "status": {}})
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Succeeded"
    assert made.status()["snapshot"] == before


def test_a_lost_status_without_its_data_leaves_the_job_alone() -> None:
    made = running()
    jobs = made.jobs()
    made.put({**made.root(), "status": {}})
    made.put(dataset("Preparing"))
    succeed(made)
    made.settle()
    assert made.status()["state"] == "Pending"
    assert made.jobs() == jobs
    made.put(dataset())
    made.settle()
    assert made.status()["state"] == "Succeeded"


def test_a_lost_status_and_other_data_mean_a_new_attempt() -> None:
    made = running()
    jobs = made.jobs()
    made.put({**made.root(), "status": {}})
    other = dataset()
    other["status"]["artifact"]["digest"] = "sha256:" + "e" * 64
    made.put(other)
    made.settle()
    assert made.status()["snapshot"]["dataset"]["digest"] == "sha256:" + "e" * 64
    assert len(made.jobs()) == 1
    assert made.jobs() != jobs


@pytest.mark.parametrize(("policy", "owners"), [(None, []), ("Retain", []), ("Delete", ["assistant-v1"])])
def test_a_version_goes_with_its_run_only_where_that_is_asked_for(policy: str | None, owners: list[str]) -> None:
    made = running(**({"deletionPolicy": policy} if policy else {}))
    succeed(made)
    made.settle()
    found = made.get("ModelVersion", "assistant-1.0.0")["metadata"].get("ownerReferences", [])
    assert [one["name"] for one in found] == owners
    # An owner, not the controller: what becomes of the version is not this TrainingJob's to decide.
    assert [one["uid"] for one in found if "controller" not in one] == [made.uid() for _ in owners]
