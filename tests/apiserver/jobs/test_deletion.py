"""What goes with a TrainingJob that is deleted? Kubernetes' own garbage collector decides, by owners."""

from __future__ import annotations

from typing import Any

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.jobs.story import MODEL, TRAINED, prepared, verified


def trained(cluster: Cluster, **spec: Any) -> tuple[str, str]:
    """Return a TrainingJob that has succeeded, and its ModelVersion, which is Ready."""
    prepared(cluster)
    training = cluster.apply(objects.training_job(), version="1.0.0", export=["SafeTensors", "GGUF"], **spec)
    pod = cluster.pod_of(training)
    cluster.run(pod)
    cluster.end(pod, 0, TRAINED)
    version = cluster.until_state("TrainingJob", training, "Succeeded")["modelVersion"]
    verified(cluster, version, MODEL["digest"])
    return training, version


def delete(cluster: Cluster, training: str) -> None:
    """Delete a TrainingJob and wait until its own Jobs have gone after it."""
    path = cluster.root("TrainingJob", training)
    found = cluster.get(path)
    assert found is not None
    uid = found["metadata"]["uid"]
    assert owned(cluster, uid), "it had nothing of its own: that nothing is left would prove nothing"
    cluster.delete(path)
    cluster.until(lambda: cluster.get(path) is None, lambda: cluster.get(path))
    cluster.until(lambda: not owned(cluster, uid), lambda: owned(cluster, uid))


def owned(cluster: Cluster, uid: str) -> list[str]:
    """Return the Jobs and pods that belong to the object with `uid`."""
    found = [*cluster.list(cluster.batch()), *cluster.list(cluster.core("pods"))]
    return [one["metadata"]["name"] for one in found if one["metadata"]["labels"].get("slipway.dev/uid") == uid]


def test_a_version_outlives_the_run_that_made_it(cluster: Cluster) -> None:
    training, version = trained(cluster)
    before = cluster.get(cluster.root("ModelVersion", version))
    assert before is not None
    delete(cluster, training)
    after = cluster.get(cluster.root("ModelVersion", version))
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert after["status"]["state"] == "Ready"
    assert owned(cluster, after["metadata"]["uid"]), "its own Job stays too"
    assert cluster.get(cluster.root("Dataset", "blueprints")) is not None


def test_a_version_goes_with_its_run_where_that_is_asked_for(cluster: Cluster) -> None:
    training, version = trained(cluster, deletionPolicy="Delete")
    before = cluster.get(cluster.root("ModelVersion", version))
    assert before is not None
    delete(cluster, training)
    path = cluster.root("ModelVersion", version)
    cluster.until(lambda: cluster.get(path) is None, lambda: cluster.get(path))
    cluster.until(lambda: not owned(cluster, before["metadata"]["uid"]))
    assert cluster.get(cluster.root("Dataset", "blueprints")) is not None
