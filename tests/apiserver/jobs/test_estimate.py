"""A run with GPUs is estimated by a Job of its own first, and asks for none when it cannot fit. Real controllers."""

from __future__ import annotations

from typing import Any

from slipway.contract.result import Estimated, Failed
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster, Manifest
from tests.apiserver.jobs.story import TRAINED, prepared

GIB = 2**30
RESOURCES = {"cpu": "4", "memory": "32Gi", "gpu": {"count": 1, "memory": "24Gi"}}
PARTS = {
    "weights_bytes": 16 * GIB, "gradients_bytes": 1, "optimiser_bytes": 1, "activations_bytes": 4 * GIB,
    "loss_bytes": 1, "safety_bytes": 2 * GIB, "total_bytes": 22 * GIB + 3, "available_bytes": 24 * GIB,
}  # fmt: skip
FITS: dict[str, Any] = {"memory": PARTS, "layout": {"micro_batch_size": 2}, "least_bytes": 17 * GIB, "fits": True}


def job_of(cluster: Cluster, pod: str) -> Manifest:
    """Return the Job that made a pod."""
    found = cluster.get(cluster.core(f"pods/{pod}"))
    assert found is not None
    job = cluster.get(cluster.batch(found["metadata"]["labels"]["batch.kubernetes.io/job-name"]))
    assert job is not None
    return job


def jobs_of(cluster: Cluster, name: str) -> list[Manifest]:
    """Return the Jobs of the run `name`."""
    return cluster.list(f"{cluster.batch()}?labelSelector=slipway.dev/name={name}")


def gpus(job: Manifest) -> str | None:
    """Return how many GPUs a Job's pod asks for."""
    [main] = job["spec"]["template"]["spec"]["containers"]
    asked: str | None = main["resources"].get("limits", {}).get("nvidia.com/gpu")
    return asked


def estimating(cluster: Cluster) -> tuple[str, str]:
    """Return a run whose estimate is being made, and the pod that makes it."""
    prepared(cluster)
    name = cluster.apply(objects.training_job(), resources=RESOURCES)
    pod = cluster.pod_of(name)
    cluster.until(lambda: cluster.reason("TrainingJob", name) == "EstimatingMemory")
    assert cluster.status("TrainingJob", name)["state"] == "Pending"
    assert gpus(job_of(cluster, pod)) is None
    cluster.run(pod)
    return name, pod


def test_a_gpu_is_asked_for_when_it_is_known_what_the_run_takes(cluster: Cluster) -> None:
    name, pod = estimating(cluster)
    cluster.end(pod, 0, Estimated(estimate=FITS))
    cluster.until_state("TrainingJob", name, "Queued")
    assert cluster.status("TrainingJob", name)["estimate"]["memory"]["totalBytes"] == 22 * GIB + 3
    training = cluster.pod_of(name)
    assert gpus(job_of(cluster, training)) == "1"
    cluster.until(lambda: len(jobs_of(cluster, name)) == 1)
    cluster.run(training)
    cluster.end(training, 0, TRAINED)
    cluster.until_state("TrainingJob", name, "Succeeded")
    assert cluster.status("TrainingJob", name)["estimate"]["layout"]["microBatchSize"] == 2


def test_a_run_that_cannot_fit_asks_for_none(cluster: Cluster) -> None:
    name, pod = estimating(cluster)
    refused = FITS | {"fits": False, "message": "training takes about 26.00 GiB: choose method QLoRA"}
    cluster.end(pod, 0, Estimated(estimate=refused))
    status = cluster.until_state("TrainingJob", name, "Failed")
    assert cluster.reason("TrainingJob", name) == "MemoryTooSmall"
    assert status["message"].startswith("training takes about 26.00 GiB: choose method QLoRA. ")
    assert [gpus(job) for job in jobs_of(cluster, name)] == [None]


def test_a_missing_model_ends_the_run_with_its_reason(cluster: Cluster) -> None:
    name, pod = estimating(cluster)
    cluster.end(pod, 11, Failed(reason="NoSuchArtifact", message="nothing lies at s3://models/base/: upload it"))
    cluster.until_state("TrainingJob", name, "Failed")
    assert cluster.reason("TrainingJob", name) == "NoSuchArtifact"
