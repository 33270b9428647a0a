"""How do the pods that we start look: restricted, without API tokens, told what to do by one file?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slipway import podoptions
from slipway.api.common import Resources
from slipway.api.pod import PodOptions
from slipway.api.queueing import Queue
from slipway.contract.exitcodes import FINAL, UNCOUNTED
from slipway.contract.job import (
    JOB_FILE,
    PROGRESS_AUDIENCE,
    PROGRESS_TOKEN,
    SCRATCH,
    TERMINATION_LOG,
    JobBase,
)
from slipway.names import QUEUE_LABEL, QUEUE_PRIORITY_LABEL, root_labels
from slipway.plan import Manifest
from slipway.settings import Settings

USER = 65532
"""The user of all our images (nonroot)."""


@dataclass(frozen=True)
class Root:
    """The identity of a root object, for its children."""

    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, manifest: Manifest) -> Root:
        """Return the identity of a root manifest."""
        meta = manifest["metadata"]
        return cls(manifest["kind"], meta["namespace"], meta["name"], meta["uid"])

    def labels(self) -> dict[str, str]:
        """Return the labels of all its children."""
        return root_labels(self.kind, self.name, self.uid)


def metadata(root: Root, name: str, extra: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return a child's metadata; the engine adds the owner reference."""
    return {"name": name, "namespace": root.namespace, "labels": root.labels() | dict(extra)}


def job_config(root: Root, name: str, job: JobBase) -> Manifest:
    """Return the ConfigMap that tells a pod what to do."""
    document = json.dumps(job.dump(), sort_keys=True, separators=(",", ":"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(root, name),
        "immutable": True,
        "data": {"job.json": document},
    }


def store_environment(settings: Settings) -> list[dict[str, Any]]:
    """Return the variables through which a pod may use the object store, by reference to a Secret."""
    keys = {"AWS_ACCESS_KEY_ID": "accessKeyId", "AWS_SECRET_ACCESS_KEY": "secretAccessKey"}
    return [from_secret(variable, settings.store_secret, key) for variable, key in keys.items()]


def from_secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    """Return a variable whose value is the entry `key` of a Secret of the pod's namespace."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def resources(wanted: Resources, *, scratch: bool = True) -> dict[str, Any]:
    """Return container resources: memory limited to its request, CPU requested only, GPUs as limits."""
    requests: dict[str, str] = {"cpu": wanted.cpu, "memory": wanted.memory}
    limits: dict[str, str] = {"memory": wanted.memory}
    if scratch:
        limits["ephemeral-storage"] = wanted.storage
    if wanted.gpu is not None:
        limits["nvidia.com/gpu"] = str(wanted.gpu.count)
    return {"requests": requests, "limits": limits}


def placement(wanted: Resources) -> dict[str, Any]:
    """Return the node selector and tolerations of a pod."""
    found: dict[str, Any] = {}
    if wanted.gpu is not None and wanted.gpu.product:
        found["nodeSelector"] = {"nvidia.com/gpu.product": wanted.gpu.product}
    if wanted.tolerations:
        found["tolerations"] = [t.dump() for t in wanted.tolerations]
    return found


def container(
    name: str,
    image: str,
    command: Sequence[str],
    wanted: Resources,
    settings: Settings,
    *,
    mounts: Sequence[Mapping[str, Any]] = (),
    environment: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a restricted container that reads its job file and writes only to its scratch space."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(command),
        "env": [
            {"name": "HOME", "value": SCRATCH},
            {"name": "TMPDIR", "value": SCRATCH},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            *store_environment(settings),
            *environment,
        ],
        "resources": resources(wanted),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "job", "mountPath": JOB_FILE.rpartition("/")[0], "readOnly": True},
            {"name": "scratch", "mountPath": SCRATCH},
            *mounts,
        ],
    }


def volumes(config: str, *, progress: bool) -> list[dict[str, Any]]:
    """Return the volumes of a pod: its job file, its scratch space, and a token good for pushing progress only."""
    found: list[dict[str, Any]] = [
        {"name": "job", "configMap": {"name": config}},
        {"name": "scratch", "emptyDir": {}},
    ]
    if progress:
        token = {"audience": PROGRESS_AUDIENCE, "expirationSeconds": 3600, "path": PROGRESS_TOKEN.rpartition("/")[2]}
        found.append({"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}})
    return found


@dataclass(frozen=True)
class Mount:
    """A volume (`source` is its kind and how it is found) that a pod reads at `path`."""

    name: str
    path: str
    source: Mapping[str, Any]

    def volume(self) -> dict[str, Any]:
        """Return what stands among a pod's volumes."""
        return {"name": self.name, **self.source}

    def mounted(self) -> dict[str, Any]:
        """Return what stands among a container's mounts."""
        return {"name": self.name, "mountPath": self.path, "readOnly": True}


@dataclass(frozen=True)
class JobShape:
    """What differs between the Jobs of our kinds."""

    image: str
    command: tuple[str, ...]
    resources: Resources
    retries: int = 2
    deadline_seconds: int | None = None
    grace_seconds: int = 30
    progress: bool = False
    suspend: bool = False
    environment: tuple[Mapping[str, Any], ...] = ()
    mounts: tuple[Mount, ...] = ()
    pod: PodOptions | None = None
    queue: Queue | None = None


def job(root: Root, name: str, config: str, shape: JobShape, settings: Settings) -> Manifest:
    """Return a Job of one pod that follows the exit code contract: disruptions are free, final codes end it.

    A Job that has a queue is made suspended: from then on it is Kueue that starts and stops it.
    """
    mounts: list[Mapping[str, Any]] = (
        [{"name": "token", "mountPath": PROGRESS_TOKEN.rpartition("/")[0], "readOnly": True}] if shape.progress else []
    )
    mounts += [mount.mounted() for mount in shape.mounts]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": shape.grace_seconds,
        "containers": [
            container(
                "main",
                shape.image,
                shape.command,
                shape.resources,
                settings,
                mounts=mounts,
                environment=shape.environment,
            )
        ],
        "volumes": [
            *volumes(config, progress=shape.progress),
            *(mount.volume() for mount in shape.mounts),
        ],
        **placement(shape.resources),
    }
    spec: dict[str, Any] = {
        "backoffLimit": shape.retries,
        "completions": 1,
        "parallelism": 1,
        "suspend": shape.suspend or shape.queue is not None,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": failure_rules("Ignore")},
        "template": podoptions.applied({"metadata": {"labels": root.labels()}, "spec": pod}, shape.pod, {"main"}),
    }
    if shape.deadline_seconds is not None:
        spec["activeDeadlineSeconds"] = shape.deadline_seconds
    meta = metadata(root, name, _queue_labels(shape.queue))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}


def thread_limit(wanted: Resources) -> dict[str, str]:
    """Return the variable that gives numerical libraries as many threads as the pod asks for CPUs.

    They would start one for each core of the node, and threads that share a core wait for each other most of the time.
    """
    number = float(wanted.cpu.rstrip("mkKMGTi"))
    cpus = number / 1000 if wanted.cpu.endswith("m") else number
    return {"name": "OMP_NUM_THREADS", "value": str(max(1, math.ceil(cpus)))}


def _queue_labels(queue: Queue | None) -> dict[str, str]:
    if queue is None:
        return {}
    priority = {QUEUE_PRIORITY_LABEL: queue.priority_class} if queue.priority_class is not None else {}
    return {QUEUE_LABEL: queue.local_queue} | priority


def failure_rules(disrupted: Literal["Ignore", "FailJob"]) -> list[dict[str, Any]]:
    """Return what the end of a pod means for its Job; `disrupted`: that of one that was evicted, or lost its node."""

    def on_codes(action: str, codes: Sequence[int]) -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"containerName": "main", "operator": "In", "values": sorted(codes)}}

    return [
        on_codes("FailJob", FINAL),
        on_codes("Ignore", UNCOUNTED),
        {"action": disrupted, "onPodConditions": [{"type": "DisruptionTarget"}]},
    ]
