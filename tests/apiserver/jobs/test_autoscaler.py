"""Does the HorizontalPodAutoscaler of our guide scale a Rollout in the middle of a release? The real one, both ways.

Only what it measures is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster, controller_manager
from tests.apiserver.jobs.metrics import Work, measuring
from tests.apiserver.jobs.serving import play
from tests.apiserver.jobs.story import verified
from tests.apiserver.objects import Manifest
from tests.apiserver.server import ApiServer
from tests.apiserver.test_guides import manifests

[GUIDE] = (manifest for manifest in manifests("scale") if manifest.get("kind") == "HorizontalPodAutoscaler")
NAME = GUIDE["spec"]["scaleTargetRef"]["name"]
TARGET = GUIDE["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]
AUTOSCALER = {("kube-controller-manager", "scale")}
"""Who writes spec.serving.replicas, and by which subresource."""
OPTIONS = (
    "--horizontal-pod-autoscaler-sync-period=1s",
    # Its memory evens out what two lists, read one after the other, say of pods that come and go.
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
    "--use-service-account-credentials",  # with the rights that it has in every cluster
)


@pytest.fixture(scope="module")
def work(installed: ApiServer) -> Iterator[Work]:
    """What requests take, while the autoscaler is at work."""
    with (
        measuring(installed) as work,
        controller_manager(installed, ("horizontal-pod-autoscaler-controller",), *OPTIONS, log="autoscaler"),
    ):
        yield work


@dataclass
class Scaled:
    """A Rollout under the autoscaler of the guide."""

    cluster: Cluster
    work: Work
    load: float = 0
    """How many pods requests keep as busy as the autoscaler wants them."""
    replicas: list[int] = field(default_factory=list)
    """Every value that spec.serving.replicas was seen to have."""

    def create(self, **canary: Any) -> None:
        """Create two versions and a Rollout of the first, whose replicas nobody states."""
        for number in (1, 2):
            digest = f"sha256:{number}" + "0" * 63
            manifest = objects.model_version(f"assistant-{number}.0.0")
            manifest = objects.changed(manifest, "spec.artifact.digest", digest)
            verified(self.cluster, self.cluster.apply(manifest, version=f"{number}.0.0"), digest)
        steps = [{"percent": 50, "holdSeconds": 3600}]
        self.cluster.apply(objects.rollout(NAME), strategy={"canary": {"steps": steps, **canary}})

    def autoscale(self) -> None:
        """Create the autoscaler as the guide has it."""
        path = f"/apis/autoscaling/v2/namespaces/{self.cluster.namespace}/horizontalpodautoscalers"
        meta = GUIDE["metadata"] | {"namespace": self.cluster.namespace}
        self.cluster.create(f"{path}?fieldValidation=Strict", GUIDE | {"metadata": meta})

    def release(self) -> None:
        """Let the spec name the second version."""
        self.cluster.patch(self.path, {"spec": {"version": {"name": "assistant-2.0.0"}}})

    def abort(self) -> None:
        """Give the second version up."""
        self.cluster.patch(self.path, {"metadata": {"annotations": {"slipway.dev/abort": "assistant-2.0.0"}}})

    def busy(self, pods: float) -> None:
        """Let requests take what so many pods give, busy as the autoscaler wants them."""
        self.load = pods
        self.work.in_pods(self.cluster, pods, TARGET, NAME)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, with nodes and gateway at work."""

        def held() -> bool:
            play(self.cluster, NAME)
            now = int(self.root["spec"]["serving"]["replicas"])
            if self.replicas[-1:] != [now]:
                self.replicas.append(now)
            return holds()

        self.cluster.until(held, lambda: (self.replicas, self.sizes(), self.status, self.autoscaler))

    def sizes(self) -> dict[str, int]:
        """Return the size of every revision's Deployment, by version, the first one first."""
        path = f"/apis/apps/v1/namespaces/{self.cluster.namespace}/deployments"
        found = {}
        for deployment in self.cluster.list(path):
            version = deployment["spec"]["template"]["metadata"]["labels"]["slipway.dev/version"]
            found[str(version)] = int(deployment["spec"]["replicas"])
        return dict(sorted(found.items()))

    @property
    def path(self) -> str:
        """The path of the Rollout."""
        return self.cluster.root("Rollout", NAME)

    @property
    def root(self) -> Manifest:
        """The Rollout."""
        return self.cluster.found("Rollout", NAME)

    @property
    def status(self) -> Manifest:
        """Its status."""
        return self.cluster.status("Rollout", NAME)

    @property
    def progress(self) -> dict[str, Any]:
        """How far its release is."""
        status = self.status
        candidate = status.get("candidate") or {}
        of_release = ("state", "step", "percent", "stepStartedAt", "routeVersion")
        of_candidate = ("revision", "version", "since")
        return {name: status.get(name) for name in of_release} | {name: candidate.get(name) for name in of_candidate}

    @property
    def autoscaler(self) -> Manifest:
        """What the autoscaler says."""
        path = f"/apis/autoscaling/v2/namespaces/{self.cluster.namespace}/horizontalpodautoscalers/{NAME}"
        return dict((self.cluster.get(path) or {}).get("status") or {})

    def writers(self) -> set[tuple[str, str]]:
        """Return who wrote spec.serving.replicas, and through which subresource."""
        return {
            (str(entry["manager"]), str(entry.get("subresource")))
            for entry in self.root["metadata"]["managedFields"]
            if "f:replicas" in entry["fieldsV1"].get("f:spec", {}).get("f:serving", {})
        }

    def content(self, replicas: int, pods: int) -> bool:
        """Tell whether the autoscaler wants just what there is, having measured so many pods of all revisions."""
        status = self.autoscaler
        conditions = {one["type"]: one["reason"] for one in status.get("conditions") or ()}
        [measured] = status.get("currentMetrics") or [{"resource": {"current": {"averageUtilization": 0}}}]
        percent = measured["resource"]["current"]["averageUtilization"]
        return (
            (status.get("currentReplicas"), status.get("desiredReplicas")) == (replicas, replicas)
            and conditions.get("ScalingActive") == "ValidMetricFound"
            and abs(percent - self.load * TARGET / pods) < 2
        )


@pytest.mark.parametrize(
    ("capacity", "begun", "grown", "shrunk"),
    [("Surge", (2, 1), (5, 3), (3, 3)), ("NoSurge", (1, 1), (2, 3), (1, 2))],
)
def test_a_rollout_is_scaled_in_the_middle_of_a_canary(
    cluster: Cluster,
    work: Work,
    capacity: str,
    begun: tuple[int, int],
    grown: tuple[int, int],
    shrunk: tuple[int, int],
) -> None:
    it = Scaled(cluster, work)

    def settled(replicas: int, sizes: tuple[int, ...]) -> bool:
        """Tell whether the autoscaler has come to rest at so many replicas, and the revisions at these sizes."""
        there = tuple(it.sizes().values()) == sizes and it.status.get("replicas") == sum(sizes)
        return there and it.root["spec"]["serving"]["replicas"] == replicas and it.content(replicas, sum(sizes))

    it.create(capacity={"mode": capacity})
    it.until(lambda: it.status.get("state") == "Healthy")
    it.busy(1.9)
    it.autoscale()
    it.until(lambda: settled(2, (2,)))
    assert it.writers() == AUTOSCALER

    it.release()
    it.until(lambda: it.status.get("percent") == 50 and "stepStartedAt" in it.status and settled(2, begun))
    reached = it.progress
    assert (reached["state"], reached["step"], reached["version"]) == ("Progressing", 0, "assistant-2.0.0")
    it.busy(4.8)
    it.until(lambda: settled(5, grown))
    assert it.progress == reached
    it.busy(2.9)
    it.until(lambda: settled(3, shrunk))
    assert it.progress == reached
    scale = cluster.get(f"{it.path}/scale")
    assert scale is not None
    selector = f"slipway.dev/uid={it.root['metadata']['uid']},slipway.dev/revision"
    assert scale["status"] == {"replicas": sum(shrunk), "selector": selector}

    it.abort()
    it.until(lambda: settled(3, (3,)))
    assert it.writers() == AUTOSCALER
    # It begins at 1, and from 2 the autoscaler goes no further than to 4 at once.
    assert it.replicas == [1, 2, 4, 5, 3], "neither the release nor its end drove the size"
