"""A real Kubernetes but for its nodes: controllers make pods, and the test is the kubelet that runs them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.setup import tools
from slipway.contract.result import Estimated, Evaluated, Failed, Preempted, Prepared, Trained, encode
from tests.apiserver.objects import Manifest, collection
from tests.apiserver.operating import eventually
from tests.apiserver.server import ApiServer, started

CONTROLLERS = (
    "job-controller",
    "deployment-controller",
    "replicaset-controller",
    "endpointslice-controller",
    "serviceaccount-controller",
    "resourcequota-controller",
    "garbage-collector-controller",
)
PATIENCE_SECONDS = 150.0
"""The Job controller tries a refused pod again after up to a minute, the operator asks why after 20 seconds."""
NODE = "node-1"
STAMP = "2026-11-20T12:00:00Z"


@contextmanager
def controllers(server: ApiServer) -> Iterator[None]:
    """Run what makes pods and what counts them."""
    # Pods without a node that exists are the endpoint of no Service.
    answer = server.request("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
    assert answer.code == 201, answer.message
    with controller_manager(server, CONTROLLERS, "--concurrent-job-syncs=2"):
        yield


@contextmanager
def controller_manager(
    server: ApiServer, names: Iterable[str], *options: str, log: str = "kube-controller-manager"
) -> Iterator[None]:
    """Run kube-controller-manager with these controllers."""
    command = [
        str(tools.kube()),
        "kube-controller-manager",
        f"--kubeconfig={server.kubeconfig}",
        f"--controllers={','.join(names)}",
        "--leader-elect=false",
        "--secure-port=0",
        *options,
    ]
    with started(log, command, server.folder):
        yield


@dataclass(frozen=True)
class Cluster:
    """One namespace of it."""

    server: ApiServer
    log: Path
    namespace: str

    @classmethod
    def fresh(cls, server: ApiServer, log: Path) -> Cluster:
        """Return a new namespace, where restricted pods only are let in."""
        made = cls(server, log, f"t-{uuid.uuid4().hex[:8]}")
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        made.create("/api/v1/namespaces", {"metadata": {"name": made.namespace, "labels": labels}})
        made.until(lambda: made.get(made.core("serviceaccounts/default")) is not None)
        return made

    # Objects

    def core(self, rest: str) -> str:
        """Return the path of something in the core API."""
        return f"/api/v1/namespaces/{self.namespace}/{rest}"

    def batch(self, rest: str = "") -> str:
        """Return the path of Jobs, or of one."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs{'/' + rest if rest else ''}"

    def root(self, kind: str, name: str) -> str:
        """Return the path of one of our objects."""
        return f"{collection(kind, self.namespace)}/{name}"

    def create(self, path: str, manifest: Mapping[str, Any]) -> Manifest:
        """Create an object."""
        answer = self.server.request("POST", path, manifest)
        assert answer.code == 201, answer.message
        return dict(answer.body)

    def apply(self, manifest: Manifest, **spec: Any) -> str:
        """Create one of our objects, with fields of its spec set; return its name."""
        made = {**manifest, "spec": {**manifest["spec"], **spec}}
        path = f"{collection(manifest['kind'], self.namespace)}?fieldValidation=Strict"
        return str(self.create(path, made)["metadata"]["name"])

    def get(self, path: str) -> Manifest | None:
        """Return an object, or None."""
        answer = self.server.request("GET", path)
        return dict(answer.body) if answer.code == 200 else None

    def patch(self, path: str, change: Mapping[str, Any]) -> None:
        """Merge a change into an object."""
        answer = self.server.request("PATCH", path, change, "application/merge-patch+json")
        assert answer.code == 200, answer.message

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Delete an object."""
        answer = self.server.request("DELETE", path, body)
        assert answer.code in (200, 202, 404), answer.message

    def list(self, path: str) -> list[Manifest]:
        """Return a list of objects."""
        return list(self.server.request("GET", path).body["items"])

    # What our objects say

    def found(self, kind: str, name: str) -> Manifest:
        """Return one of our objects, which must be there."""
        found = self.get(self.root(kind, name))
        assert found is not None, f"there is no {kind} {name}"
        return found

    def status(self, kind: str, name: str) -> Manifest:
        """Return the status of one of our objects."""
        return dict((self.get(self.root(kind, name)) or {}).get("status") or {})

    def reason(self, kind: str, name: str) -> str:
        """Return the reason of its condition Ready."""
        conditions = self.status(kind, name).get("conditions") or ()
        return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")

    def until(self, holds: Callable[[], bool], told: Callable[[], object] = lambda: "") -> None:
        """Wait until something holds."""
        eventually(holds, self.log, seconds=PATIENCE_SECONDS, told=told)

    def until_state(self, kind: str, name: str, state: str) -> Manifest:
        """Wait until one of our objects is in a state; return its status."""
        self.until(lambda: self.status(kind, name).get("state") == state, lambda: self.status(kind, name))
        return self.status(kind, name)

    # What a kubelet does

    def pods(self, name: str) -> list[Manifest]:
        """Return the pods of the root `name` that are not going."""
        found = self.list(self.core(f"pods?labelSelector=slipway.dev/name={name}"))
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod_of(self, name: str) -> str:
        """Wait for a pod of the root `name` that nobody runs yet; return the pod's name."""
        found: list[Manifest] = []

        def there() -> bool:
            found[:] = [p for p in self.pods(name) if p["status"].get("phase") == "Pending"]
            return bool(found)

        self.until(there, lambda: self.list(self.core("events?fieldSelector=type=Warning")))
        return str(found[0]["metadata"]["name"])

    def run(self, pod: str, **more: Any) -> None:
        """Bind a pod to a node and let its containers run."""
        binding = {"metadata": {"name": pod}, "target": {"kind": "Node", "name": NODE}}
        self.create(self.core(f"pods/{pod}/binding"), {"apiVersion": "v1", "kind": "Binding", **binding})
        self.patch(self.core(f"pods/{pod}/status"), {"status": {"phase": "Running", "startTime": STAMP, **more}})

    def end(self, pod: str, code: int, result: Estimated | Evaluated | Failed | Preempted | Prepared | Trained) -> None:
        """Let the container of a pod end with what it reports."""
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "message": encode(result)}
        container = {"name": "main", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}
        status = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "containerStatuses": [{**container, "state": {"terminated": {**ended, "finishedAt": STAMP}}}],
        }
        self.patch(self.core(f"pods/{pod}/status"), {"status": status})

    def obey(self, pod: str, code: int, result: Preempted) -> None:
        """Wait until a pod is to go, let it end as on SIGTERM, and let it go."""
        path = self.core(f"pods/{pod}")
        self.until(lambda: "deletionTimestamp" in ((self.get(path) or {}).get("metadata") or {"deletionTimestamp": 1}))
        self.end(pod, code, result)
        self.delete(path, {"gracePeriodSeconds": 0})
        self.until(lambda: self.get(path) is None, lambda: self.get(path))
