"""What do the cluster's own controllers and kubelets make of Deployments and Services?

Deployments become pods, pods become ready, fail or hang, as the fate of their version says; EndpointSlices follow late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from slipway.names import REVISION_LABEL, VERSION_LABEL

if TYPE_CHECKING:
    from tests.world.world import World

Fate = Literal["Good", "Slow", "Unschedulable", "BadImage", "CrashLoop", "BadArtefact"]
BAD_ARTEFACT = 12
"""An exit code of the fetch container after which trying again cannot help (slipway.contract.exitcodes.FINAL)."""


class Nodes:
    """Runs pods."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.fates: dict[str, Fate] = {}
        """By version; Good where nothing is said."""
        self.frozen = False
        """Nothing new starts or stops: the controllers of the cluster are behind."""
        self.turns = 0
        """Changes of serving pods."""
        self._hit: set[str] = set()
        """Services of which a pod was lost or failed, until all of them are ready again."""
        self._born = 0
        self._pods: dict[str, dict[str, dict[str, Any]]] = {}

    def heard(self, type: str, obj: dict[str, Any]) -> None:
        """Take notice of what the apiserver tells."""
        name, gone = obj["metadata"]["name"], type == "DELETED"
        match obj["kind"]:
            case "Deployment":
                self._soon(self.replicate, name, 0.05, 0.5, obj["metadata"]["resourceVersion"])
            case "Service" if not gone:
                self._soon(self.publish, name, 0.02, 0.5, obj["metadata"]["resourceVersion"])
            case "Service":
                self._drop("EndpointSlice", f"{name}-slice")
            case "Pod" if REVISION_LABEL in (obj["metadata"].get("labels") or {}):
                self.turns += 1
                service = self.service_of(obj)
                self._pods.setdefault(service, {}).pop(name, None)
                if not gone:
                    self._pods[service][name] = obj
                self._soon(self.publish, service, 0.02, 2.0, obj["metadata"]["resourceVersion"])

    def service_of(self, pod: dict[str, Any]) -> str:
        """Return the name of the Deployment and Service that a pod belongs to."""
        return str(pod["metadata"]["name"]).rpartition("-")[0]

    def pods(self, service: str) -> list[dict[str, Any]]:
        """Return the pods of a Deployment, those on their way out too."""
        return list(self._pods.get(service, {}).values())

    def all(self) -> list[dict[str, Any]]:
        """Return all pods."""
        return [pod for pods in self._pods.values() for pod in pods.values()]

    def endpoints(self, service: str) -> list[str]:
        """Return the pods that really answer: ready and not going."""
        return [pod["metadata"]["name"] for pod in self._selected(service) if is_ready(pod)]

    def _selected(self, service: str) -> list[dict[str, Any]]:
        """Return the pods that a Service selects: those of a Rollout that was made anew are none of the former one."""
        found = self._world.find("Service", service)
        return [pod for pod in self.pods(service) if found is not None and _selects(found["spec"]["selector"], pod)]

    def replicate(self, name: str) -> None:
        """Bring the number of pods to what the Deployment asks for."""
        world = self._world
        if self.frozen:
            world.after(2.0, self.replicate, name)
            return
        deployment = world.find("Deployment", name)
        wanted = int(deployment["spec"]["replicas"]) if deployment else 0
        selector = deployment["spec"]["selector"]["matchLabels"] if deployment else {}
        alive = [pod for pod in self.pods(name) if not pod["metadata"].get("deletionTimestamp")]
        for pod in [pod for pod in alive if not _selects(selector, pod)]:
            alive.remove(pod)
            self.evict(pod["metadata"]["name"])  # of a former Deployment, which the garbage collector took
        alive.sort(key=lambda pod: (not is_ready(pod), pod["metadata"]["name"]))
        for pod in alive[wanted:]:
            self.evict(pod["metadata"]["name"])
        for _ in range(wanted - len(alive)):
            assert deployment is not None
            self._start(name, deployment)

    def _start(self, name: str, deployment: dict[str, Any]) -> None:
        self._born += 1
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        meta = {"name": f"{name}-{self._born}", "namespace": deployment["metadata"]["namespace"], "labels": labels}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": "Pending"}}
        self._world.cluster.put(pod)
        self.live(meta["name"])

    def live(self, name: str) -> None:
        """Let a pod meet the fate of its version from now on."""
        world = self._world
        pod = world.find("Pod", name)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        fate = self.fates.get(pod["metadata"]["labels"][VERSION_LABEL], "Good")
        restarts = restarts_of(pod)
        match fate:
            case "Good":
                world.after(world.chance.between(0.5, 4.0, "ready", name), self._become, name, fate, ready(restarts))
            case "Slow":
                world.after(world.chance.between(20, 60, "ready", name), self._become, name, fate, ready(restarts))
            case "Unschedulable":
                said = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient nvidia.com/gpu"}
                self._become(name, fate, {"phase": "Pending", "conditions": [said]})
            case "BadImage":
                self._become(name, fate, waiting("ImagePullBackOff", "no such image", restarts))
            case "CrashLoop":
                self._become(name, fate, waiting("CrashLoopBackOff", "back-off 10s", restarts + 1))
                world.after(world.chance.between(2, 9, "up", name, restarts), self._up_and_down, name)
            case "BadArtefact":
                ended = {"exitCode": BAD_ARTEFACT, "message": "", "reason": "Error"}
                fetch = {"name": "fetch", "ready": False, "restartCount": 1, "state": {"terminated": ended}}
                self._become(name, fate, {"phase": "Pending", "initContainerStatuses": [fetch]})

    def _up_and_down(self, name: str) -> None:
        """A pod that crashes is ready for a moment in between."""
        world, pod = self._world, self._world.find("Pod", name)
        if pod is None:
            return
        restarts = restarts_of(pod)
        if world.chance.unit("peeps", name, restarts) < 0.5:
            self._become(name, "CrashLoop", ready(restarts))
        world.after(world.chance.between(1, 6, "down", name, restarts), self.live, name)

    def _become(self, name: str, fate: Fate, status: dict[str, Any]) -> None:
        world, pod = self._world, self._world.find("Pod", name)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        if self.fates.get(pod["metadata"]["labels"][VERSION_LABEL], "Good") != fate:
            return  # its fate has turned meanwhile
        world.prometheus.account()
        if restarts_of({"status": status}) != restarts_of(pod):
            world.prometheus.reset(name)
        world.cluster.put({**pod, "status": status})

    def turn(self, version: str, fate: Fate) -> None:
        """Change the fate of a version's pods."""
        self.fates[version] = fate
        for pod in self.all():
            if pod["metadata"]["labels"].get(VERSION_LABEL) == version and not (fate == "Good" and is_ready(pod)):
                self._hit.add(self.service_of(pod))
                self.live(pod["metadata"]["name"])

    def evict(self, name: str) -> None:
        """Let a pod go: it leaves its endpoints now, and exists for a little longer."""
        pod = self._world.find("Pod", name)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        self._world.prometheus.account()
        meta = {**pod["metadata"], "deletionTimestamp": "2026-11-20T03:00:00Z"}
        self._world.cluster.put({**pod, "metadata": meta})
        self._world.after(self._world.chance.between(0.2, 3.0, "gone", name), self._drop, "Pod", name)

    def lose(self, name: str) -> None:
        """Lose a pod with its node: it is gone without a word, and another one is started."""
        pod = self._world.find("Pod", name)
        if pod is not None:
            self._world.prometheus.account()
            self._hit.add(self.service_of(pod))
            self._drop("Pod", name)
            self._soon(self.replicate, self.service_of(pod), 0.05, 0.5, name)

    def drain(self, name: str) -> None:
        """Send a pod away from its node; another one is started a second later."""
        pod = self._world.find("Pod", name)
        if pod is not None:
            self._hit.add(self.service_of(pod))
            self.evict(name)
            self._world.after(1, self.replicate, self.service_of(pod))

    def in_trouble(self, service: str) -> bool:
        """Tell whether a disturbance keeps pods of a Deployment from being ready, or may have."""
        return service in self._hit or self.fates.get(self._world.version_of(service), "Good") != "Good"

    def recovered(self, service: str) -> None:
        """Note that all pods that a Deployment asks for are ready."""
        self._hit.discard(service)

    def publish(self, service: str) -> None:
        """Write the EndpointSlice of a Service as its pods are."""
        world, found = self._world, self._world.find("Service", service)
        if found is None:
            return
        endpoints = [
            {"conditions": {"ready": is_ready(pod)}, "targetRef": {"name": pod["metadata"]["name"]}}
            for pod in self._selected(service)
        ]
        meta = {"name": f"{service}-slice", "namespace": found["metadata"]["namespace"]}
        meta["labels"] = found["metadata"]["labels"]
        world.cluster.put(
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "endpoints": endpoints}
        )

    def _drop(self, kind: str, name: str) -> None:
        if self._world.find(kind, name) is not None:
            self._world.cluster.remove(kind, self._world.namespace, name)

    def _soon(self, what: Any, name: str, low: float, high: float, why: object) -> None:
        world = self._world
        world.after(world.chance.between(low, high, what.__name__, name, why), what, name)


def _selects(selector: dict[str, str], pod: dict[str, Any]) -> bool:
    return bool(selector) and selector.items() <= pod["metadata"]["labels"].items()


def is_ready(pod: dict[str, Any]) -> bool:
    """Tell whether a pod answers requests."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    good = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return good and not pod["metadata"].get("deletionTimestamp")


def restarts_of(pod: dict[str, Any]) -> int:
    """Return the restarts of a pod's container."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(status["restartCount"]) for status in statuses), default=0)


def ready(restarts: int = 0) -> dict[str, Any]:
    """Return the status of a pod that serves."""
    engine = {"name": "engine", "ready": True, "restartCount": restarts, "state": {"running": {}}}
    conditions = [{"type": "Ready", "status": "True"}]
    return {"phase": "Running", "conditions": conditions, "containerStatuses": [engine]}


def waiting(reason: str, message: str = "", restarts: int = 0) -> dict[str, Any]:
    """Return the status of a pod whose engine waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    engine = {"name": "engine", "ready": False, "restartCount": restarts, "state": state}
    return {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [engine]}


def revision_of(obj: dict[str, Any]) -> str:
    """Return the revision that an object belongs to."""
    return str((obj["metadata"].get("labels") or {}).get(REVISION_LABEL) or "")
