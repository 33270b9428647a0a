"""Runs on two nodes with the real JobSet: made, ready, finished, failed, started again, suspended, deleted."""

from __future__ import annotations

from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import NODE_LOST, Failed, Preempted, Trained, encode
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import STAMP, Cluster
from tests.apiserver.jobs.story import TRAINED, prepared

SMALL = {"nodes": 2, "cpu": "1", "memory": "1Gi"}
CAUSE = Failed(reason="DigestMismatch", message="bytes are not what was pushed")
LOST = Failed(reason=NODE_LOST, message="pod 1 of the run has failed")
BROKEN = Failed(reason="Unexpected", message="RuntimeError: so")
SAVED = Preempted(step=3)


def train(cluster: Cluster, **spec: Any) -> str:
    """Make a run on two nodes."""
    prepared(cluster)
    return cluster.apply(objects.training_job(), resources=SMALL, **spec)


def jobsets(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.list(f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{cluster.namespace}/jobsets")


def conditions(cluster: Cluster) -> list[str]:
    """Return the conditions that hold of the only JobSet."""
    [found] = jobsets(cluster)
    told = (found.get("status") or {}).get("conditions") or ()
    return [str(condition["type"]) for condition in told if condition["status"] == "True"]


def waiting(cluster: Cluster, name: str, besides: tuple[str, ...] = ()) -> list[str]:
    """Wait until both pods are there, and none of `besides`; return their names, the first one first."""
    found: list[str] = []

    def there() -> bool:
        pods = [pod for pod in cluster.pods(name) if pod["status"].get("phase") == "Pending"]
        found[:] = sorted(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"] not in besides)
        return len(found) == 2

    cluster.until(there, lambda: (jobsets(cluster), cluster.status("TrainingJob", name)))
    return list(found)


def running(cluster: Cluster, name: str, besides: tuple[str, ...] = ()) -> tuple[str, str]:
    """Let both pods run, and wait until the run does."""
    first, second = waiting(cluster, name, besides)
    cluster.run(first)
    cluster.run(second)
    cluster.until_state("TrainingJob", name, "Running")
    return first, second


def end(cluster: Cluster, pod: str, code: int, result: Failed | Preempted | Trained | None) -> None:
    """Let a pod end; all but the first of a run that ends well have nothing to say."""
    ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": STAMP}
    ended |= {"message": encode(result)} if result is not None else {}
    container = {"name": "main", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}
    phase = "Succeeded" if code == 0 else "Failed"
    status = {"phase": phase, "containerStatuses": [{**container, "state": {"terminated": ended}}]}
    cluster.patch(cluster.core(f"pods/{pod}/status"), {"status": status})


def obey(cluster: Cluster, pod: str, code: int, result: Failed | Preempted) -> None:
    """Wait until a pod is to go, let it end, and let it go."""
    path = cluster.core(f"pods/{pod}")
    cluster.until(
        lambda: "deletionTimestamp" in ((cluster.get(path) or {}).get("metadata") or {"deletionTimestamp": 1})
    )
    end(cluster, pod, code, result)
    cluster.delete(path, {"gracePeriodSeconds": 0})
    cluster.until(lambda: cluster.get(path) is None, lambda: cluster.get(path))


def succeed(cluster: Cluster, name: str, first: str, second: str) -> None:
    end(cluster, second, 0, None)
    end(cluster, first, 0, TRAINED)
    cluster.until_state("TrainingJob", name, "Succeeded")


def restarts(cluster: Cluster, name: str) -> dict[str, int] | None:
    return cluster.status("TrainingJob", name).get("restarts")


def test_made_ready_and_finished(cluster: Cluster) -> None:
    name = train(cluster)
    first, second = waiting(cluster, name)
    [made] = jobsets(cluster)
    service = cluster.get(cluster.core(f"services/{made['metadata']['name']}"))
    assert service is not None
    assert service["spec"]["clusterIP"] == "None"
    cluster.run(first)
    cluster.until(lambda: "waits for its pods" in str(cluster.status("TrainingJob", name).get("message")))
    assert cluster.status("TrainingJob", name)["state"] == "Queued", "one alone does not train"
    pod = cluster.get(cluster.core(f"pods/{first}"))
    assert pod is not None
    told = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert told["SLIPWAY_COORDINATOR"] == f"{pod['spec']['hostname']}.{pod['spec']['subdomain']}:29500"
    assert pod["spec"]["subdomain"] == made["metadata"]["name"]
    assert "JOB_COMPLETION_INDEX" in told
    cluster.run(second)
    cluster.until_state("TrainingJob", name, "Running")
    succeed(cluster, name, first, second)
    cluster.until(lambda: conditions(cluster) == ["Completed"], lambda: jobsets(cluster))
    assert restarts(cluster, name) is None


def test_the_cause_of_one_fails_all(cluster: Cluster) -> None:
    name = train(cluster)
    first, second = running(cluster, name)
    end(cluster, second, ExitCode.DIGEST_MISMATCH, CAUSE)
    obey(cluster, first, ExitCode.UNEXPECTED, LOST)
    cluster.until_state("TrainingJob", name, "Failed")
    assert cluster.reason("TrainingJob", name) == "DigestMismatch"
    assert restarts(cluster, name) == {"preempted": 0, "failed": 1}
    assert conditions(cluster) == ["Failed"]


def test_an_unexpected_failure_starts_all_again_in_another_jobset(cluster: Cluster) -> None:
    name = train(cluster)
    first, second = running(cluster, name)
    [before] = jobsets(cluster)
    end(cluster, first, ExitCode.UNEXPECTED, BROKEN)
    obey(cluster, second, ExitCode.UNEXPECTED, LOST)
    again = running(cluster, name, (first, second))
    [after] = jobsets(cluster)
    assert before["metadata"]["name"] != after["metadata"]["name"]
    assert restarts(cluster, name) == {"preempted": 0, "failed": 1}
    succeed(cluster, name, *again)


def test_a_pod_that_never_ends_holds_its_run_up_until_it_is_deleted(cluster: Cluster) -> None:
    name = train(cluster, retries=0)
    first, second = running(cluster, name)
    end(cluster, first, ExitCode.UNEXPECTED, LOST)
    cure = f"kubectl delete pod {second} -n {cluster.namespace} --force"
    cluster.until(lambda: cure in str(cluster.status("TrainingJob", name).get("message")), lambda: jobsets(cluster))
    assert cluster.status("TrainingJob", name)["state"] == "Queued"
    assert "runningSince" not in cluster.status("TrainingJob", name)
    cluster.delete(cluster.core(f"pods/{second}"), {"gracePeriodSeconds": 0})
    again = running(cluster, name, (first, second))
    assert restarts(cluster, name) == {"preempted": 1, "failed": 0}
    succeed(cluster, name, *again)


def test_pods_that_saved_are_made_anew_in_place(cluster: Cluster) -> None:
    name = train(cluster, retries=0)
    first, second = running(cluster, name)
    [before] = jobsets(cluster)
    for pod in (second, first):
        end(cluster, pod, ExitCode.PREEMPTED, SAVED)
    again = running(cluster, name, (first, second))
    [after] = jobsets(cluster)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
    assert restarts(cluster, name) == {"preempted": 1, "failed": 0}
    succeed(cluster, name, *again)


def test_suspended_and_resumed_where_it_was(cluster: Cluster) -> None:
    name = train(cluster, retries=0)
    pods = running(cluster, name)
    cluster.patch(cluster.root("TrainingJob", name), {"spec": {"suspend": True}})
    for pod in pods:
        obey(cluster, pod, ExitCode.PREEMPTED, SAVED)
    cluster.until_state("TrainingJob", name, "Suspended")
    assert conditions(cluster) == ["Suspended"]
    cluster.patch(cluster.root("TrainingJob", name), {"spec": {"suspend": False}})
    again = running(cluster, name, pods)
    assert restarts(cluster, name) is None, "a suspension by its owner is no preemption"
    succeed(cluster, name, *again)


def test_deleted_with_everything(cluster: Cluster) -> None:
    name = train(cluster)
    pods = running(cluster, name)
    cluster.delete(cluster.root("TrainingJob", name))
    for pod in pods:
        obey(cluster, pod, ExitCode.PREEMPTED, SAVED)
    cluster.until(lambda: not jobsets(cluster), lambda: jobsets(cluster))
    cluster.until(lambda: not [job for job in cluster.list(cluster.batch()) if "-node-0" in job["metadata"]["name"]])
    cluster.until(lambda: not cluster.list(cluster.core("services")), lambda: cluster.list(cluster.core("services")))
