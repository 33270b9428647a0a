"""`kubectl wait --for=condition=Ready` works for every kind, in the order in which people build on one another."""

from __future__ import annotations

from typing import Any

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.jobs.serving import play
from tests.apiserver.jobs.story import MODEL, TRAINED, prepared, verified


def wait(cluster: Cluster, kind: str, name: str) -> None:
    """Wait as people do; fails by its exit code."""
    cluster.server.kubectl(
        "wait", "--for=condition=Ready", f"{kind.lower()}/{name}", "-n", cluster.namespace, "--timeout=60s"
    )


def not_yet(cluster: Cluster, kind: str, name: str) -> None:
    """Assert that waiting is in vain for now."""
    answer = cluster.server.kubectl(
        "wait", "--for=condition=Ready", f"{kind.lower()}/{name}", "-n", cluster.namespace, "--timeout=1s", check=False
    )
    assert "timed out waiting for the condition" in answer


def test_every_kind_can_be_waited_for(cluster: Cluster) -> None:
    data = prepared(cluster)
    wait(cluster, "Dataset", data)
    training = cluster.apply(objects.training_job(), version="1.0.0", export=["SafeTensors", "GGUF"])
    pod = cluster.pod_of(training)
    cluster.run(pod)
    not_yet(cluster, "TrainingJob", training)
    cluster.end(pod, 0, TRAINED)
    wait(cluster, "TrainingJob", training)
    version = cluster.status("TrainingJob", training)["modelVersion"]
    not_yet(cluster, "ModelVersion", version)
    verified(cluster, version, MODEL["digest"])
    wait(cluster, "ModelVersion", version)
    manifest: dict[str, Any] = objects.rollout()
    name = cluster.apply(manifest, version={"name": version})
    cluster.until(lambda: served(cluster, name), lambda: cluster.status("Rollout", name))
    wait(cluster, "Rollout", name)


def served(cluster: Cluster, name: str) -> bool:
    """Tell whether a Rollout serves, with nodes and gateway at work."""
    play(cluster, name)
    return cluster.status("Rollout", name).get("state") == "Healthy"
