"""From a new ModelVersion to its verdict."""

from __future__ import annotations

import pytest

from slipway.attempt import GRACE
from slipway.contract.exitcodes import ExitCode
from tests.unit.model.world import EVALUATION, World, by_hand, digest, figures, judged, rollout, version
from tests.unit.worlds import SETTINGS


def test_a_new_version_is_evaluated_against_the_base_while_nothing_is_in_production() -> None:
    world = World()
    world.put(version())
    told = world.told()
    plan = world.step()
    assert [child["kind"] for child in plan.children] == ["ConfigMap", "Job"]
    assert told["reference"]["kind"] == "Base"
    assert told["reference"]["artifact"]["digest"] == digest("b")
    assert told["data"]["digest"] == digest("d")
    assert world.status()["reference"] == {"digest": digest("b")}
    assert world.status()["state"] == "Pending"
    world.settle()
    assert world.status()["state"] == "Evaluating"
    assert world.status()["message"] == "evaluating against the base model"
    assert world.condition("Reconciling")["status"] == "True"


def test_the_reference_is_the_version_in_production() -> None:
    world = World()
    world.put(version("v0", "c"))
    world.put(version())
    world.put(rollout(stable="v0", v0="c"))
    told = world.told()
    assert told["reference"]["name"] == "v0"
    assert told["reference"]["artifact"]["digest"] == digest("c")
    assert told["reference"]["baseModel"]["digest"] == digest("b")
    world.step()
    assert world.status()["reference"] == {"name": "v0", "digest": digest("c")}


@pytest.mark.parametrize(
    "stable",
    [
        pytest.param(rollout(stable="v1", v1="a"), id="the version itself"),
        pytest.param(rollout(stable="gone", gone="c"), id="a version that was deleted"),
        pytest.param(rollout(stable="v0", v0="f"), id="a version made anew under the old name"),
    ],
)
def test_what_cannot_be_compared_with_leaves_the_base(stable: dict) -> None:
    world = World()
    world.put(version("v0", "c"))
    world.put(version())
    world.put(stable)
    assert world.told()["reference"]["kind"] == "Base"


def test_the_reference_stays_when_production_moves_on_during_the_evaluation() -> None:
    world = World()
    for name, mark in (("v0", "c"), ("v9", "e"), ("v1", "a")):
        world.put(version(name, mark))
    world.put(rollout(stable="v0", v0="c"))
    world.step()
    world.put(rollout(stable="v9", v9="e"))
    (job,) = world.jobs()
    world.settle()
    assert world.jobs() == [job]
    assert world.status()["reference"]["name"] == "v0"
    world.remove("Job", job)
    assert world.told()["reference"]["name"] == "v0"


def test_a_reference_deleted_before_the_job_started_is_chosen_again() -> None:
    world = World()
    world.put(version("v0", "c"))
    world.put(version())
    world.put(rollout(stable="v0", v0="c"))
    world.step()
    for job in world.jobs():
        world.remove("Job", job)
    world.remove("ModelVersion", "v0")
    world.step()
    assert world.status()["reference"] == {"digest": digest("b")}


def test_passing_gates_make_it_ready() -> None:
    world = judged(figures(report="s3://slipway/slipway/evaluations/1/report.jsonl"))
    status = world.status()
    assert status["state"] == "Ready"
    assert status["stage"] == "Candidate"
    assert status["verified"] == {"digest": digest("a")}
    assert status["score"] == "loss 0.5 · valid 75%"
    assert status["report"].endswith("report.jsonl")
    assert [gate["outcome"] for gate in status["gates"]] == ["Pass"]
    assert status["metrics"][0]["lowerBound"] == "0.01"
    assert world.condition("Ready")["status"] == "True"
    assert not world.condition("Stalled")
    assert world.condition("Ready")["reason"] == "GatesPassed"
    assert [event.reason for event in world.events] == ["EvaluationStarted", "GatesPassed"]


def test_a_failed_gate_rejects_with_the_numbers() -> None:
    world = judged(figures(loss="9.31", bound="-9.4"))
    assert world.status()["state"] == world.status()["stage"] == "Rejected"
    stalled = world.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "GateFailed")
    assert stalled["message"] == (
        "gate loss-not-worse failed: loss 9.31, the base model 0.52: improvement -8.79, lower bound -9.4 at 95 %, "
        "needed more than -0.05"
    )
    assert world.condition("Ready")["status"] == "False"
    assert world.events[-1].type == "Warning"


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(figures(bound=None), id="no lower bound"),
        pytest.param(figures(bound="1e999"), id="an infinite bound"),
        pytest.param(figures(reference=None), id="no reference"),
        pytest.param(figures(mark="a").model_copy(update={"metrics": ()}), id="no figures"),
    ],
)
def test_silence_never_passes(result: object) -> None:
    world = judged(result)  # type: ignore[arg-type]
    assert world.status()["state"] == "Rejected"
    assert [gate["outcome"] for gate in world.status()["gates"]] == ["NoData"]


def test_a_first_version_without_base_is_told_to_use_absolute_gates() -> None:
    world = World()
    artifact = {"uri": "s3://slipway/models/m/", "digest": digest("a"), "formats": ["GGUF"], "kind": "Model"}
    world.put(version(baseModel=None, artifact=artifact))
    assert "reference" not in world.told()
    world.settle()
    world.report(figures(reference=None, bound=None))
    world.settle()
    assert "use min or max" in world.status()["message"]


def test_a_verdict_is_final() -> None:
    world = judged(figures(), version("v0", "c"))
    before = world.status()
    for job in world.jobs():
        world.remove("Job", job)
    world.put(rollout(stable="v0", v0="c"))
    world.room.settings = SETTINGS.model_copy(
        update={"images": SETTINGS.images.model_copy(update={"train_torch": "train@2"})}
    )
    writes = world.writes
    plan = world.settle()
    assert world.writes == writes
    assert not plan.children
    assert world.status() == before


def test_conditions_of_others_are_not_taken_for_ours() -> None:
    world = judged()
    root = dict(world.get("ModelVersion", "v1"))
    foreign = dict(root["status"]["conditions"][0]) | {"type": "ChildrenApplied", "status": "False"}
    root["status"] = {**root["status"], "conditions": [*root["status"]["conditions"], foreign]}
    world.put(root)
    plan = world.settle()
    assert [c["type"] for c in plan.status["conditions"]] == ["Ready"]


def test_a_new_operator_image_leaves_a_running_evaluation_alone() -> None:
    world = World()
    world.put(version())
    world.settle()
    jobs = world.jobs()
    world.room.settings = SETTINGS.model_copy(
        update={"images": SETTINGS.images.model_copy(update={"train_torch": "train@2"})}
    )
    world.settle()
    assert world.jobs() == jobs


def test_a_version_written_by_hand_is_verified_only() -> None:
    world = World()
    world.put(by_hand())
    job = next(child for child in world.step().children if child["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "data@1"
    assert container["command"] == ["python", "-m", "slipway_pod.verify"]
    world.settle()
    assert world.condition("Reconciling")["reason"] == "Verifying"
    world.report(figures().model_copy(update={"metrics": (), "lower_bounds": {}}))
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.condition("Ready")["reason"] == "Verified"


def test_the_job_computes_with_the_resources_asked_for() -> None:
    world = World()
    resources = {"cpu": "4", "memory": "64Gi", "gpu": {"count": 1, "product": "NVIDIA-H200"}}
    evaluation = version()["spec"]["evaluation"] | {"resources": resources}
    world.put(version(evaluation=evaluation))
    job = next(child for child in world.step().children if child["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "train@1"
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H200"}


def test_another_digest_than_promised_is_a_failure_with_both() -> None:
    world = World()
    world.put(version())
    world.settle()
    world.report(figures(mark="e"))
    world.settle()
    assert world.status()["state"] == "Failed"
    assert world.condition("Stalled")["reason"] == "DigestMismatch"
    assert digest("e") in world.status()["message"]
    assert digest("a") in world.status()["message"]


def test_a_final_failure_says_why_and_how_to_go_on() -> None:
    world = World()
    world.put(version())
    world.settle()
    (job,) = world.jobs()
    world.fail(
        ExitCode.DIGEST_MISMATCH, "DigestMismatch", "s3://slipway/models/v1/ is sha256:e…, the spec says sha256:a…"
    )
    world.settle()
    assert world.condition("Stalled")["reason"] == "DigestMismatch"
    assert world.status()["message"].endswith(f"Delete Job {job} to try again.")
    for pod in world.store.owned("uid-modelversion-v1", "Pod"):
        world.remove("Pod", pod["metadata"]["name"])
    before = world.status()
    world.settle()
    assert world.status() == before, "the reason outlives the pod that gave it"
    world.remove("Job", job)
    world.settle()
    assert world.status()["state"] == "Evaluating"


def test_an_unreachable_store_is_tried_again_with_growing_pauses() -> None:
    world = World()
    world.put(version())
    pauses = []
    for _ in range(7):
        world.settle()
        (job,) = world.jobs()
        world.fail(ExitCode.STORE_UNREACHABLE, "StoreUnreachable", "object store http://store:8333: no answer")
        plan = world.settle()
        assert world.status()["state"] == "Evaluating"
        assert "no answer" in world.status()["message"]
        assert world.condition("Reconciling")["reason"] == "Retrying"
        assert not world.condition("Stalled")
        assert plan.requeue_after is not None
        pauses.append(plan.requeue_after.total_seconds())
        world.wait(pauses[-1])
        world.settle()
        assert world.jobs() != [job]
    assert pauses == [30, 60, 120, 240, 480, 600, 600]
    world.report(figures())
    world.settle()
    assert world.status()["state"] == "Ready"


def test_a_pod_that_failed_once_inside_its_job_is_told_while_the_job_goes_on() -> None:
    world = World()
    world.put(version())
    world.settle()
    world.end(ExitCode.UNEXPECTED, "Traceback: boom")
    world.settle()
    assert world.status()["state"] == "Evaluating"
    assert "ended with code 1" in world.status()["message"]


def test_a_crash_is_shown_with_its_last_words() -> None:
    world = World()
    world.put(version())
    world.settle()
    world.end(ExitCode.UNEXPECTED, "Segmentation fault")
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.condition("Stalled")["reason"] == "EvaluationFailed"
    assert "Segmentation fault" in world.status()["message"]


def test_a_pod_killed_for_memory_says_which_field_to_raise() -> None:
    world = World()
    world.put(version())
    world.settle()
    world.end(137, "", reason="OOMKilled")
    world.finish("Failed", "BackoffLimitExceeded")
    world.settle()
    assert world.condition("Stalled")["reason"] == "OutOfMemory"
    assert "evaluation.resources.memory" in world.status()["message"]


def test_a_deadline_says_what_to_lower() -> None:
    world = World()
    world.put(version())
    world.settle()
    world.finish("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    world.settle()
    assert world.condition("Stalled")["reason"] == "EvaluationTimedOut"
    assert "maxExamples" in world.status()["message"]
    assert "evaluation.deadlineSeconds" in world.status()["message"]


@pytest.mark.parametrize(("asked", "seconds"), [({}, 6 * 3600), ({"deadlineSeconds": 600}, 600)])
def test_an_attempt_has_the_time_that_is_asked_for(asked: dict[str, int], seconds: int) -> None:
    world = World()
    world.put(version(evaluation=EVALUATION | asked))
    world.settle()
    assert world.newest_job()["spec"]["activeDeadlineSeconds"] == seconds


def test_a_result_seen_late_is_waited_for_and_a_lost_one_measured_again() -> None:
    world = World()
    world.put(version())
    world.settle()
    (job,) = world.jobs()
    world.finish("Complete")
    plan = world.settle()
    assert world.jobs() == [job]
    assert plan.requeue_after is not None
    world.end(ExitCode.OK, '{"type": "Prepared"}')
    world.wait(plan.requeue_after.total_seconds())
    world.settle()
    assert world.jobs() != [job]
    assert world.status()["state"] == "Evaluating"


def test_a_pod_that_cannot_start_is_named() -> None:
    world = World()
    world.put(version())
    world.settle()
    (job,) = world.jobs()
    labels = {"slipway.dev/uid": "uid-modelversion-v1", "batch.kubernetes.io/job-name": job}
    meta = {"name": f"{job}-x", "namespace": "demo", "labels": labels}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    status = {"phase": "Pending", "containerStatuses": [{"name": "main", "state": waiting}]}
    world.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
    world.settle()
    world.wait(GRACE.total_seconds())
    world.settle()
    assert f"pod {job}-x: ImagePullBackOff: no such image" in world.status()["message"]


def test_a_spec_of_another_schema_is_stalled_with_the_field() -> None:
    world = World()
    odd = version()
    odd["spec"]["artifact"]["formats"] = ["Pickle"]
    world.put(odd)
    world.settle()
    assert world.condition("Stalled")["reason"] == "InvalidSpec"
    assert "spec.artifact.formats" in world.status()["message"]
