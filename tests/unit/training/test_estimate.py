"""Is it known what a run takes of its GPUs before it asks for one, and does nothing hold it up for ever?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.api.causal_lm import CausalLM
from slipway.api.pod import PodOptions
from slipway.attempt import LAG
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import EstimateMemory, parse_job
from slipway.contract.result import Estimated, Failed, encode
from slipway.plan import Plan
from slipway.settings import Images
from slipway.training.memory.ahead import LONGEST, TRIES
from slipway.training.memory.objects import TELLING
from slipway.training.room import Room
from tests.unit.training.searches import NAME, Searches, searching
from tests.unit.training.world import DIGEST, dataset, started, world
from tests.unit.worlds import NAMESPACE, SETTINGS, World

GPU: dict[str, Any] = {"resources": {"gpu": {"count": 2, "memory": "80Gi"}, "cpu": "8", "memory": "64Gi"}}
GIB = 2**30
PARTS = {"weights_bytes": 16 * GIB, "gradients_bytes": GIB, "optimiser_bytes": GIB, "activations_bytes": 4 * GIB,
         "loss_bytes": GIB, "safety_bytes": 2 * GIB, "total_bytes": 25 * GIB, "available_bytes": 80 * GIB}  # fmt: skip
ESTIMATE: dict[str, Any] = {
    "memory": PARTS, "layout": {"micro_batch_size": 4}, "least_bytes": 20 * GIB, "longest_row_tokens": 900,
    "row_lengths": "Counted", "fits": True,
}  # fmt: skip
REFUSED = ESTIMATE | {"fits": False, "message": "training takes about 90.00 GiB: choose method QLoRA"}


def estimated(made: World, name: str = "", **more: Any) -> None:
    """Let the pod that estimates say so."""
    said = encode(Estimated(estimate=ESTIMATE | more))
    made.end(ExitCode.OK, said, "Completed", pod=f"{name or made.name}-estimates", name=name)
    made.finish("Complete", name=name)


def failed(made: World, code: ExitCode, reason: str, message: str = "it is so: change it") -> None:
    """Let the pod that estimates fail, and its Job with it."""
    made.end(code, encode(Failed(reason=reason, message=message)))
    made.finish("Failed", "BackoffLimitExceeded")


def estimating(made: World) -> bool:
    """Tell whether the one Job there is estimates."""
    [name] = made.jobs()
    return "-estimate-" in name


def train_job(made: World, name: str = "") -> dict[str, Any]:
    """Return the one Job there is, which trains."""
    [found] = made.jobs(name)
    assert "-train-" in found
    return dict(made.get("Job", found))


def reasons(made: World) -> list[str]:
    return [event.reason for event in made.events]


# Before the run


def test_a_run_with_gpus_is_estimated_before_it_asks_for_them() -> None:
    made = world(data=dataset(), queue={"localQueue": "gpu"}, **GPU)
    config, job = made.step().children
    assert made.status()["state"] == "Pending"
    assert made.condition("Ready")["reason"] == "EstimatingMemory"
    assert "snapshot" not in made.status()
    told = parse_job(config["data"]["job.json"])
    assert isinstance(told, EstimateMemory)
    assert (told.processes, told.gpu_bytes, told.dataset.digest) == (2, 80 * GIB, DIGEST)
    labels, pod = job["metadata"]["labels"], job["spec"]["template"]["spec"]
    assert "kueue.x-k8s.io/queue-name" not in labels
    assert job["spec"]["suspend"] is False
    [main] = pod["containers"]
    assert "nvidia.com/gpu" not in str(main["resources"])
    assert main["command"] == ["python", "-m", "slipway_train_torch.causal_lm.memory"]
    assert main["image"] == SETTINGS.images.train_torch
    assert pod["automountServiceAccountToken"] is False
    assert [volume["name"] for volume in pod["volumes"]] == ["job", "scratch"], "no token, not even for progress"
    assert job["spec"]["activeDeadlineSeconds"] == 1800


def test_the_estimate_stands_in_status_and_the_run_begins() -> None:
    made = started(**GPU)
    assert estimating(made)
    estimated(made)
    plan = made.step()
    assert plan.status["estimate"]["memory"]["weightsBytes"] == 16 * GIB
    assert plan.status["estimate"]["layout"] == {"microBatchSize": 4, "recompute": False}
    assert "nvidia.com/gpu" in str(plan.children[-1]["spec"])
    made.settle()
    assert train_job(made)
    assert made.status()["state"] == "Queued"
    assert reasons(made) == ["MemoryEstimated", "TrainingStarted"]
    assert made.events[0].message == "the run takes about 25.0 of 80.0 GiB of each GPU, with 4 rows at a time"


def test_a_run_without_gpus_begins_at_once() -> None:
    made = started()
    assert train_job(made)
    assert "estimate" not in made.status()


def test_a_run_that_cannot_fit_fails_before_a_gpu_is_asked_for() -> None:
    made = started(**GPU)
    estimated(made, **REFUSED)
    made.settle()
    assert made.status()["state"] == "Failed"
    assert made.condition("Stalled")["reason"] == made.condition("Succeeded")["reason"] == "MemoryTooSmall"
    assert made.status()["message"].startswith("training takes about 90.00 GiB: choose method QLoRA. A finished run")
    assert made.status()["estimate"]["leastBytes"] == 20 * GIB
    assert estimating(made), "its log stays, and nothing that trains was made"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ExitCode.BAD_DATA, "PickleRefused"),
        (ExitCode.BAD_CONFIG, "NoSuchArtifact"),
        (ExitCode.DIGEST_MISMATCH, "DigestMismatch"),
    ],
)
def test_what_the_run_would_end_by_ends_it_before_it_begins(code: ExitCode, reason: str) -> None:
    made = started(**GPU)
    failed(made, code, reason)
    made.settle()
    assert (made.status()["state"], made.condition("Stalled")["reason"]) == ("Failed", reason)
    assert "it is so: change it. A finished run never restarts" in made.status()["message"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ExitCode.UNEXPECTED, "Unexpected"),
        (ExitCode.OUT_OF_MEMORY, "OutOfMemory"),
        (ExitCode.BAD_CONFIG, "JobInvalid"),
    ],
)
def test_an_estimate_that_fails_is_told_and_the_run_begins_without(code: ExitCode, reason: str) -> None:
    made = started(**GPU)
    failed(made, code, reason, "it went wrong")
    made.settle()
    assert train_job(made)
    assert reasons(made) == ["EstimateFailed", "TrainingStarted"]
    assert made.events[0].type == "Warning"
    assert "it went wrong. It begins all the same" in made.status()["estimate"]["message"]
    assert "memory" not in made.status()["estimate"]


def test_a_pod_that_leaves_no_word_holds_nothing_up() -> None:
    made = started(**GPU)
    made.end(137, reason="OOMKilled")
    made.finish("Failed", "BackoffLimitExceeded")
    made.settle()
    assert train_job(made)


def test_a_store_that_stays_away_is_tried_again_a_few_times() -> None:
    made = started(**GPU)
    for attempt in range(1, TRIES + 1):
        assert estimating(made), attempt
        failed(made, ExitCode.STORE_UNREACHABLE, "StoreUnreachable")
        plan = made.settle()
        if attempt < TRIES:
            assert "the estimate is tried again at" in made.status()["message"]
            assert plan.requeue_after is not None
            made.wait(plan.requeue_after.total_seconds())
            made.settle()
    assert train_job(made)
    assert made.events[0].reason == "EstimateFailed"


def test_a_result_that_is_lost_is_asked_for_again() -> None:
    made = started(**GPU)
    [first] = made.jobs()
    made.finish("Complete")
    made.settle()
    made.wait(LAG.total_seconds())
    made.settle()
    assert estimating(made)
    assert made.jobs() != [first]


def test_a_job_that_nobody_runs_is_not_waited_for_for_ever() -> None:
    made = started(**GPU)
    plan = made.settle()
    assert plan.requeue_after is not None
    assert plan.requeue_after <= LONGEST
    made.put({**made.newest_job(), "spec": {**made.newest_job()["spec"], "suspend": True}})  # by a queue of its own
    made.settle()
    assert "was suspended by somebody else" in made.status()["message"]
    made.wait(LONGEST.total_seconds())
    made.settle()
    assert train_job(made)
    assert "has no answer after 35 minutes" in made.status()["estimate"]["message"]


def test_what_holds_the_pod_up_is_told() -> None:
    made = started(**GPU)
    made.waiting("ImagePullBackOff", 'Back-off pulling image "train@1"')
    made.wait(60)
    made.settle()
    assert made.condition("Ready")["reason"] == "ImagePullFailed"
    assert made.status()["state"] == "Pending"


# What may happen on the way


def test_another_operator_goes_on_where_the_last_one_stopped() -> None:
    made = started(**GPU)
    before = made.jobs()
    made.room = Room(SETTINGS)
    assert made.settle().children == ()
    assert made.jobs() == before
    estimated(made)
    plan = made.plan()
    made.put({**made.root(), "status": plan.status})  # the process died here: the run's Job was never applied
    made.settle()
    assert train_job(made)
    assert made.status()["estimate"]["memory"]["totalBytes"] == 25 * GIB


def test_a_job_that_is_deleted_is_made_again() -> None:
    made = started(**GPU)
    [name] = made.jobs()
    made.remove("Job", name)
    made.settle()
    assert made.jobs() == [name]


def test_a_suspended_run_is_not_estimated_until_it_may_go_on() -> None:
    made = started(**GPU)
    made.pod({"phase": "Running"}, "estimates")
    made.edit(suspend=True)
    made.settle()
    assert made.jobs() == []
    assert made.status()["state"] == "Suspended", "the pod that estimates saves nothing that one would wait for"
    made.edit(suspend=False)
    made.settle()
    assert estimating(made)
    estimated(made)
    made.settle()
    assert train_job(made)


def test_a_run_that_has_begun_is_not_estimated_again() -> None:
    made = started(**GPU)
    estimated(made)
    made.settle()
    made.pod({"phase": "Running"}, "trains")
    made.settle()
    made.edit(suspend=True)
    made.settle()
    made.remove("Job", made.jobs()[0])
    made.remove("Pod", "trains")
    made.edit(suspend=False)
    made.settle()
    assert train_job(made)
    assert reasons(made).count("MemoryEstimated") == 1


def test_a_lost_status_does_not_stop_what_runs_to_estimate_it() -> None:
    made = started(**GPU)
    estimated(made)
    made.settle()
    made.pod({"phase": "Running"}, "trains")
    made.settle()
    job = train_job(made)
    made.put({name: value for name, value in made.root().items() if name != "status"})
    made.settle()
    assert train_job(made)["metadata"]["uid"] == job["metadata"]["uid"]


def test_data_that_changes_meanwhile_is_estimated_anew() -> None:
    made = started(**GPU)
    before = made.jobs()
    other = dataset()
    other["status"]["artifact"]["digest"] = "sha256:" + "e" * 64
    made.put(other)
    made.settle()
    assert estimating(made)
    assert made.jobs() != before


def test_an_image_that_changes_meanwhile_is_asked_anew() -> None:
    made = started(**GPU)
    before = made.jobs()
    images = Images(**{**SETTINGS.images.model_dump(), "train_torch": "train@2"})
    made.room = Room(SETTINGS.model_copy(update={"images": images}))
    made.settle()
    assert estimating(made)
    assert made.jobs() != before


def test_a_name_that_is_taken_is_told_once_with_the_estimate_kept() -> None:
    made = world(data=dataset(), **GPU)
    mine = {"model": "assistant", "lineage": {"trainingJob": made.name, "recipeDigest": "sha256:" + "0" * 64}}
    made.put({"kind": "ModelVersion", "metadata": {"name": "assistant-1.0.0", "namespace": NAMESPACE}, "spec": mine})
    made.settle()
    estimated(made)
    made.settle()
    assert made.condition("Stalled")["reason"] == "VersionTaken"
    assert made.jobs() == []
    made.remove("ModelVersion", "assistant-1.0.0")
    made.settle()
    assert train_job(made)
    assert reasons(made).count("MemoryEstimated") == 1


# Where its pod goes


def test_its_pod_is_not_tied_to_nodes_with_gpus() -> None:
    taint = {"key": "nvidia.com/gpu", "operator": "Exists"}
    pod = {
        "nodeSelector": {"pool": "gpu"},
        "runtimeClassName": "nvidia",
        "imagePullSecrets": [{"name": "registry"}],
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "volumes": [
            {"name": "cache", "mountPath": "/mnt/cache", "source": {"persistentVolumeClaim": {"claimName": "cache"}}},
            {"name": "ca", "mountPath": "/mnt/ca", "source": {"configMap": {"name": "ca"}}},
        ],
        "affinity": {"podAntiAffinity": {}},
    }
    resources = {**GPU["resources"], "tolerations": [taint]}
    resources["gpu"] = {**resources["gpu"], "product": "NVIDIA-H200"}
    made = started(pod=pod, resources=resources)
    assert estimating(made)
    spec = made.newest_job()["spec"]["template"]["spec"]
    assert {"nodeSelector", "affinity", "runtimeClassName"}.isdisjoint(spec)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["tolerations"] == [taint], "where GPU nodes have the image already, it may run there too"
    assert [volume["name"] for volume in spec["volumes"]] == ["job", "scratch", "pod-ca"]
    assert any(variable["name"] == "HTTPS_PROXY" for variable in spec["containers"][0]["env"])


def test_every_option_of_a_pod_is_thought_of() -> None:
    tied, follows = {"node_selector", "affinity", "runtime_class_name"}, {
        "priority_class_name", "tolerations", "service_account_name", "image_pull_secrets", "env", "volumes", "labels",
        "annotations",
    }  # fmt: skip
    assert tied | follows == set(PodOptions.model_fields)


# Searches

SPACE = {"resources": GPU["resources"]}


def search_for(field: str) -> Searches:
    values: dict[str, Any] = {"categorical": {"choices": ["1e-4", "2e-4", "3e-4"]}}
    if field == "maxTokens":
        values = {"int": {"min": 256, "max": 2048, "step": 256}}
    return searching(spec=SPACE, parameters=[{"field": field, "values": values}], parallelism=1, maxTrials=3)


def test_trials_share_what_was_estimated_of_one_of_them() -> None:
    made = search_for("learningRate")
    assert made.jobs() == [], "the search itself takes no GPU"
    estimated(made, f"{NAME}-0")
    made.rest()
    assert train_job(made, f"{NAME}-0")
    made.finish_with(f"{NAME}-0", "1.0")
    assert train_job(made, f"{NAME}-1"), "it begins at once"
    assert made.status(f"{NAME}-1")["estimate"] == made.status(f"{NAME}-0")["estimate"]


def test_trials_that_take_other_memory_are_estimated_each() -> None:
    made = search_for("maxTokens")
    estimated(made, f"{NAME}-0")
    made.rest()
    made.finish_with(f"{NAME}-0", "1.0")
    assert made.recipe(f"{NAME}-0")["maxTokens"] != made.recipe(f"{NAME}-1")["maxTokens"]
    [name] = made.jobs(f"{NAME}-1")
    assert "-estimate-" in name


def test_a_trial_that_cannot_fit_fails_and_the_search_goes_on() -> None:
    made = search_for("maxTokens")
    estimated(made, f"{NAME}-0", **REFUSED)
    made.rest()
    assert made.status(f"{NAME}-0")["state"] == "Failed"
    assert made.status(f"{NAME}-0")["message"] == REFUSED["message"]
    assert made.trials() == [f"{NAME}-0", f"{NAME}-1"]


def test_a_trial_that_is_ended_leaves_no_estimate_behind() -> None:
    made = search_for("learningRate")
    made.edit(suspend=True)
    made.rest()
    assert made.jobs(f"{NAME}-0") == []
    assert made.status()["state"] == "Suspended"


def test_every_field_of_a_recipe_is_thought_of() -> None:
    changes_no_memory = {
        "alpha", "learning_rate", "schedule", "warmup_percent", "weight_decay", "max_gradient_norm",
        "stop_gradient_norm", "epochs", "max_steps", "evaluate_every_steps", "early_stopping", "layer_decay_percent",
        "unfreeze_every_steps", "publish", "neftune_alpha",
    }  # fmt: skip
    assert {*TELLING} | changes_no_memory == set(CausalLM.model_fields)
    assert changes_no_memory.isdisjoint(TELLING)


@pytest.mark.parametrize(
    ("written", "meant"), [("80Gi", 80 * GIB), ("81559Mi", 81559 * 2**20), ("141G", 141 * 10**9), ("500M", 5 * 10**8)]
)
def test_the_memory_of_a_gpu_is_a_quantity(written: str, meant: int) -> None:
    made = world(data=dataset(), resources={"gpu": {"memory": written}})
    told = parse_job(made.step().children[0]["data"]["job.json"])
    assert isinstance(told, EstimateMemory)
    assert told.gpu_bytes == meant


def test_without_it_nothing_is_refused() -> None:
    made = world(data=dataset(), resources={"gpu": {}})
    told = parse_job(made.step().children[0]["data"]["job.json"])
    assert isinstance(told, EstimateMemory)
    assert (told.gpu_bytes, told.processes) == (None, 1)


def test_deciding_again_changes_nothing() -> None:
    made = world(data=dataset(), **GPU)
    made.settle()

    def twice() -> tuple[Plan, Plan]:
        made.settle()
        return made.plan(), made.plan()

    for then in (lambda: None, lambda: estimated(made), lambda: made.wait(timedelta(hours=1).total_seconds())):
        then()
        one, other = twice()
        assert (one.status, one.children, one.keep) == (other.status, other.children, other.keep)
        assert one.status == {name: value for name, value in made.status().items() if name != "progress"}


def test_runs_of_several_nodes_are_estimated_by_one_pod() -> None:
    made = started(resources={**GPU["resources"], "nodes": 2}, recipe={"causalLM": {"sharding": "Full"}})
    assert estimating(made)
    assert made.owned("JobSet") == []
    estimated(made)
    made.settle()
    assert made.jobs() == []
    assert len(made.owned("JobSet")) == 1
