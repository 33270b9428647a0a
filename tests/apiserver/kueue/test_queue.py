"""Runs wait in a queue of the real Kueue, have their turn, are preempted, go on and finish."""

from __future__ import annotations

from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Preempted
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.jobs.story import MODEL, TRAINED, prepared, verified
from tests.apiserver.kueue import queues
from tests.apiserver.objects import collection

SMALL = {"cpu": "1", "memory": "1Gi"}


def state(cluster: Cluster, name: str) -> str:
    return str(cluster.status("TrainingJob", name).get("state"))


def queue(cluster: Cluster, cpus: int = 1) -> None:
    """Make a queue of the namespace that has `cpus` for everybody in it, and two priorities."""
    for manifest in queues.queue(cluster.namespace, str(cpus)):
        cluster.create(queues.collection(manifest), manifest)


def train(cluster: Cluster, name: str, priority: str = "low", **spec: Any) -> str:
    """Make a TrainingJob that waits in the queue."""
    place = queues.place(cluster.namespace, priority)
    return cluster.apply(objects.training_job(name), **({"queue": place, "resources": SMALL, "version": None} | spec))


def turn_of(cluster: Cluster, *names: str) -> tuple[str, str]:
    """Wait until one of the runs has its turn, and return its name and its pod.

    Evaluations, which wait in the same queue, are done meanwhile: one that comes the moment a place is free may be seen
    before a run that has waited for long.
    """
    found: list[tuple[str, str]] = []

    def waiting(of: str) -> list[str]:
        return [pod["metadata"]["name"] for pod in cluster.pods(of) if pod["status"].get("phase") == "Pending"]

    def there() -> bool:
        for version in cluster.list(collection("ModelVersion", cluster.namespace)):
            if waiting(version["metadata"]["name"]):
                verified(cluster, version["metadata"]["name"], MODEL["digest"])
        found[:] = [(name, pod) for name in names for pod in waiting(name)]
        return bool(found)

    cluster.until(there, lambda: cluster.list(cluster.batch()))
    return found[0]


def succeed(cluster: Cluster, name: str, pod: str) -> None:
    cluster.end(pod, 0, TRAINED)
    cluster.until_state("TrainingJob", name, "Succeeded")
    job = next(job for job in cluster.list(cluster.batch()) if job["metadata"]["labels"]["slipway.dev/name"] == name)
    path = cluster.batch(job["metadata"]["name"])
    cluster.until(lambda: bool((cluster.get(path) or {}).get("status", {}).get("completionTime")))


def test_queued_admitted_preempted_resumed_and_finished(cluster: Cluster) -> None:
    queue(cluster)
    prepared(cluster)
    first = train(cluster, "first")
    pod = cluster.pod_of(first)
    cluster.run(pod)
    cluster.until_state("TrainingJob", first, "Running")

    second = train(cluster, "second")
    short = "insufficient unused quota for cpu"
    cluster.until(
        lambda: short in str(cluster.status("TrainingJob", second).get("message")),
        lambda: cluster.status("TrainingJob", second),
    )
    assert state(cluster, second) == "Queued"
    assert cluster.reason("TrainingJob", second) == "WaitingInQueue"
    assert cluster.pods(second) == []

    urgent = train(cluster, "urgent", "high")
    cluster.obey(pod, ExitCode.PREEMPTED, Preempted(step=3))
    cluster.until_state("TrainingJob", first, "Queued")
    cluster.until(lambda: cluster.status("TrainingJob", first).get("restarts", {}).get("preempted") == 1)
    urgent_pod = cluster.pod_of(urgent)
    cluster.run(urgent_pod)
    cluster.until_state("TrainingJob", urgent, "Running")
    assert state(cluster, first) == state(cluster, second) == "Queued"

    succeed(cluster, urgent, urgent_pod)
    left = {first, second}
    while left:  # of equal priority: Kueue looks at whom it sees first when a place is free
        name, again = turn_of(cluster, *left)
        assert again != pod
        cluster.run(again)
        cluster.until_state("TrainingJob", name, "Running")
        left.remove(name)
        assert all(state(cluster, other) == "Queued" for other in left)
        succeed(cluster, name, again)
    assert cluster.status("TrainingJob", first)["restarts"] == {"preempted": 1, "failed": 0}
    assert cluster.status("TrainingJob", second).get("restarts") is None


def test_a_suspended_run_gives_its_place_away_and_comes_back(cluster: Cluster) -> None:
    queue(cluster)
    prepared(cluster)
    first = train(cluster, "first")
    pod = cluster.pod_of(first)
    cluster.run(pod)
    cluster.until_state("TrainingJob", first, "Running")
    second = train(cluster, "second")
    cluster.until_state("TrainingJob", second, "Queued")
    cluster.patch(cluster.root("TrainingJob", first), {"spec": {"suspend": True}})
    cluster.obey(pod, ExitCode.PREEMPTED, Preempted(step=3))
    cluster.until_state("TrainingJob", first, "Suspended")
    other = cluster.pod_of(second)
    cluster.run(other)
    cluster.until_state("TrainingJob", second, "Running")
    cluster.patch(cluster.root("TrainingJob", first), {"spec": {"suspend": False}})
    cluster.until_state("TrainingJob", first, "Queued")
    succeed(cluster, second, other)
    _, again = turn_of(cluster, first)
    cluster.run(again)
    status = cluster.until_state("TrainingJob", first, "Running")
    assert status.get("restarts") is None, "a suspension by its owner is no preemption"
    succeed(cluster, first, again)


def test_a_queue_that_does_not_exist_is_told_and_the_run_goes_on_once_it_does(cluster: Cluster) -> None:
    prepared(cluster)
    name = cluster.apply(objects.training_job(), queue={"localQueue": "gpu"}, resources=SMALL)
    cluster.until(
        lambda: cluster.reason("TrainingJob", name) == "QueueInadmissible",
        lambda: cluster.status("TrainingJob", name),
    )
    assert "create or activate that queue" in cluster.status("TrainingJob", name)["message"]
    queue(cluster)
    cluster.run(cluster.pod_of(name))
    cluster.until_state("TrainingJob", name, "Running")


def test_a_dataset_and_an_evaluation_wait_in_the_queue_too(cluster: Cluster) -> None:
    queue(cluster, cpus=2)
    data = prepared(cluster, queue={"localQueue": "gpu"}, resources=SMALL)
    assert cluster.status("Dataset", data)["state"] == "Ready"
    name = train(cluster, "first")
    pod = cluster.pod_of(name)
    cluster.run(pod)
    succeed(cluster, name, pod)
    version = cluster.status("TrainingJob", name)["modelVersion"]
    verified(cluster, version, MODEL["digest"])
    jobs = cluster.list(cluster.batch())
    assert {job["metadata"]["labels"].get("kueue.x-k8s.io/queue-name") for job in jobs} == {"gpu"}
