"""A run on two nodes waits in a queue of the real Kueue, has its turn as a whole, is preempted as one, and goes on."""

from __future__ import annotations

from typing import Any

from slipway.contract.exitcodes import ExitCode
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.jobs.story import MODEL, prepared, verified
from tests.apiserver.jobset.test_nodes import SAVED, SMALL, obey, running, succeed
from tests.apiserver.kueue import queues
from tests.apiserver.kueue.test_queue import queue
from tests.apiserver.objects import collection


def train(cluster: Cluster, name: str, priority: str, **spec: Any) -> str:
    """Make a run on two nodes that waits in the queue."""
    place = queues.place(cluster.namespace, priority)
    return cluster.apply(objects.training_job(name), queue=place, resources=SMALL, **spec)


def judge(cluster: Cluster) -> None:
    """Let evaluations, which wait in the same queue, be done when they have their turn."""
    for version in cluster.list(collection("ModelVersion", cluster.namespace)):
        name = version["metadata"]["name"]
        if [pod for pod in cluster.pods(name) if pod["status"].get("phase") == "Pending"]:
            verified(cluster, name, MODEL["digest"])


def test_queued_preempted_and_resumed_as_one(cluster: Cluster) -> None:
    queue(cluster, cpus=2)
    prepared(cluster)
    first = train(cluster, "first", "low", retries=0)
    pods = running(cluster, first)

    urgent = train(cluster, "urgent", "high")
    for pod in pods:
        obey(cluster, pod, ExitCode.PREEMPTED, SAVED)
    cluster.until_state("TrainingJob", first, "Queued")
    cluster.until(lambda: cluster.status("TrainingJob", first).get("restarts", {}).get("preempted") == 1)
    mine = running(cluster, urgent)
    short = "insufficient unused quota for cpu"
    cluster.until(
        lambda: short in str(cluster.status("TrainingJob", first).get("message")),
        lambda: cluster.status("TrainingJob", first),
    )
    assert cluster.reason("TrainingJob", first) == "WaitingInQueue"
    assert cluster.pods(first) == []

    succeed(cluster, urgent, *mine)

    def comes() -> bool:
        judge(cluster)
        return len(cluster.pods(first)) == 2

    cluster.until(comes, lambda: cluster.status("TrainingJob", first))
    again = running(cluster, first, pods)
    succeed(cluster, first, *again)
    assert cluster.status("TrainingJob", first)["restarts"] == {"preempted": 1, "failed": 0}
