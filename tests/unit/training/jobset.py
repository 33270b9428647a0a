"""What JobSet's controller, the Job controller and kubelets do to a run of several pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, encode
from tests.unit.training.world import dataset, trained, world
from tests.unit.worlds import NAMESPACE, SETTINGS, World

NODES = 2


def several(closed: bool = False, **spec: Any) -> World:
    """Return a run on two nodes whose JobSet was made, and nothing of it yet."""
    settings = SETTINGS.model_copy(update={"closed_namespaces": (NAMESPACE,) if closed else ()})
    resources = {"nodes": NODES} | spec.pop("resources", {})
    made = world(data=dataset(), settings=settings, resources=resources, **spec)
    made.settle()
    return made


def sets(made: World) -> list[str]:
    return made.owned("JobSet")


def newest(made: World) -> Mapping[str, Any]:
    """Return the JobSet of the newest attempt."""
    found = [made.get("JobSet", name) for name in sets(made)]
    return max(found, key=lambda jobset: int(jobset["metadata"]["labels"]["slipway.dev/attempt"]))


def begun(made: World, *, suspended: bool = False, started: bool = True) -> str:
    """Let the JobSet's Job be made, or be as the JobSet now is; return its name."""
    jobset = newest(made)
    meta, template = jobset["metadata"], jobset["spec"]["replicatedJobs"][0]["template"]
    name = f"{meta['name']}-node-0"
    owner = {"apiVersion": jobset["apiVersion"], "kind": "JobSet", "name": meta["name"], "uid": meta["uid"]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": template["metadata"]["labels"],
            "ownerReferences": [{**owner, "controller": True}],
            "creationTimestamp": made.stamp(),
        },
        "spec": {**template["spec"], "suspend": suspended},
        "status": {"startTime": made.stamp()} if started and not suspended else {},
    }
    made.put(job)
    return name


def pod(made: World, number: int, status: Mapping[str, Any], time: int = 1) -> str:
    """Let the pod `number` be as `status` says; `time` counts those of the same number."""
    job = f"{newest(made)['metadata']['name']}-node-0"
    name = f"{job}-{number}-{'abcdef'[time - 1] * 5}"
    labels = {"slipway.dev/uid": made.uid(), "batch.kubernetes.io/job-name": job}
    there = made.store.get("Pod", NAMESPACE, name)
    created = there["metadata"]["creationTimestamp"] if there is not None else made.stamp()
    meta = {"name": name, "namespace": NAMESPACE, "labels": labels, "creationTimestamp": created}
    made.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
    return name


def run(made: World, number: int, time: int = 1) -> str:
    return pod(made, number, {"phase": "Running"}, time)


def wait(made: World, number: int, reason: str = "", time: int = 1) -> None:
    """Let a pod hang before its start; without a reason all is normal."""
    said = [{"type": "PodScheduled", "status": "False", "reason": reason, "message": "0/3 nodes"}] if reason else []
    pod(made, number, {"phase": "Pending", "conditions": said}, time)


def end(
    made: World,
    number: int,
    code: int,
    message: str = "",
    *,
    reason: str = "Error",
    evicted: bool = False,
    time: int = 1,
) -> str:
    """Let a pod end."""
    terminated = {"exitCode": code, "message": message, "reason": reason, "finishedAt": made.stamp()}
    status: dict[str, Any] = {
        "phase": "Succeeded" if code == 0 else "Failed",
        "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
    }
    if evicted:
        status["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
    return pod(made, number, status, time)


def leave(made: World, number: int, time: int = 1) -> str:
    """Let a pod be told to go, and not end: its node is lost."""
    name = run(made, number, time)
    found = made.get("Pod", name)
    made.put({**found, "metadata": {**found["metadata"], "deletionTimestamp": made.stamp()}})
    return name


def target(made: World) -> None:
    """Let the Job be about to fail: it waits for the end of its pods."""
    job = made.get("Job", f"{newest(made)['metadata']['name']}-node-0")
    at = {"status": "True", "lastTransitionTime": made.stamp()}
    told = [{"type": "FailureTarget", "reason": "BackoffLimitExceeded", "message": "so", **at}]
    made.put({**job, "status": {**job["status"], "conditions": told}})


def finish(made: World, condition: str, reason: str = "BackoffLimitExceeded") -> None:
    """Let the Job and its JobSet be Complete or Failed."""
    jobset = newest(made)
    job = made.get("Job", f"{jobset['metadata']['name']}-node-0")
    at = {"status": "True", "lastTransitionTime": made.stamp()}
    made.put({**job, "status": {"conditions": [{"type": condition, "reason": reason, "message": "so", **at}]}})
    word = "Completed" if condition == "Complete" else condition
    about = {"reason": "ReachedMaxRestarts", "message": "jobset failed due to reaching max number of restarts"}
    made.put({**jobset, "status": {"conditions": [{"type": word, **about, **at}]}})


def all_running(**spec: Any) -> World:
    """Return a run whose two pods run."""
    made = several(**spec)
    begun(made)
    for number in range(NODES):
        run(made, number)
    made.settle()
    return made


def succeed(made: World, time: int = 1) -> None:
    end(made, 0, ExitCode.OK, encode(trained()), reason="Completed", time=time)
    end(made, 1, ExitCode.OK, reason="Completed", time=time)
    finish(made, "Complete")
    made.settle()


def failed(reason: str, message: str = "so it is") -> str:
    """Return the termination message of a pod that failed."""
    return encode(Failed(reason=reason, message=message))


def gone(made: World) -> None:
    """Let the pods, and the Jobs of JobSets that are gone, go too."""
    kept = {f"{name}-node-0" for name in sets(made)}
    for job in [name for name in made.owned("Job") if name not in kept]:
        made.remove("Job", job)
    for name in [name for name in made.owned("Pod") if name.rpartition("-")[0].rpartition("-")[0] not in kept]:
        made.remove("Pod", name)
