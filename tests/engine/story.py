"""How does the demo's story go when everything but the operator is played by `Node`?"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import yaml

from slipway.main import rooms
from slipway.names import REVISION_LABEL, VERSION_LABEL
from slipway.plan import Answer, PrometheusQuery, Question
from slipway.settings import Settings
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.node import Node
from tests.engine.replica import Replica
from tests.engine.virtual import VirtualClock

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "blueprint-assistant"
SPACE = "slipway-demo"
NAME = "blueprint-assistant"
SETTINGS = Settings.model_validate(
    {
        "images": {
            "data": "data@x",
            "train_torch": "train@x",
            "eval_blender": "blender@x",
            "serve_llamacpp": "serve@x",
            "proxy": "proxy@x",
        },
        "store": {"bucket": "slipway"},
        "prometheus_url": "http://prometheus",
    }
)
LOSSES = {"v1": 1.5, "v2": 0.9, "v3": 6.0}


class Sidecars:
    """Answers what Prometheus would of the serving pods: v4 refuses most requests."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def ask(self, question: Question) -> Answer:
        assert isinstance(question, PrometheusQuery)
        query = question.query
        await asyncio.sleep(0.05)
        series: list[tuple[dict[str, str], float]] = []
        for revision in sorted(set(re.findall(r'revision="([^"]+)"', query))):
            failed = 60.0 if self._version(revision).endswith("-4.0.0") else 0.0
            if "bucket" in query:
                series += [({"revision": revision, "le": le}, 100.0) for le in ("100", "+Inf")]
            else:
                classes = (("2", 100.0 - failed), ("4", failed))
                series += [({"revision": revision, "envoy_response_code_class": c}, n) for c, n in classes]
        return Answer(VirtualClock().now(), series=tuple(series))

    def _version(self, revision: str) -> str:
        for pod in self._cluster.of("Pod"):
            labels = pod["metadata"]["labels"]
            if labels.get(REVISION_LABEL) == revision:
                return str(labels[VERSION_LABEL])
        return ""


class Story:
    """The demo, with an operator that may be killed at any write."""

    def __init__(self, crash_after: int | None = None) -> None:
        self.cluster = Cluster()
        self.node = Node(self.cluster, self._loss)
        self.first = Wire(self.cluster, crash_after=crash_after)
        self.crashed = False
        self.errors = 0.0
        self.replica = self._start("first", self.first)

    def _start(self, name: str, wire: Wire) -> Replica:
        replica = Replica(self.cluster, name, rooms(SETTINGS), wire)
        replica.engine.asks._asker = Sidecars(self.cluster)
        return replica

    def _loss(self, digest: str) -> float:
        made = self.node.trained.get(digest, "")
        return LOSSES.get(made.rpartition("-")[2], 2.8)

    def apply(self, file: str, **spec: Any) -> None:
        """Apply one file of the example as its user would, some fields of its spec filled in."""
        wanted = yaml.safe_load((EXAMPLE / file).read_text())
        wanted["spec"] |= spec
        id = (wanted["kind"], wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        if id in self.cluster.objects:
            self.cluster.edit(*id, spec=wanted["spec"])
        else:
            self.cluster._store({**self.cluster._new(wanted), "spec": wanted["spec"]})

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object's status."""
        return self.cluster.objects.get((kind, SPACE, name), {}).get("status") or {}

    @property
    def rollout(self) -> dict[str, Any]:
        """The Rollout's status."""
        return self.status("Rollout", NAME)

    async def run(self) -> None:
        """Play the four versions; each step waits for what a person would wait for."""
        self.replica.start()
        node, reaper = asyncio.create_task(self.node.run()), asyncio.create_task(self._replace_when_crashed())
        try:
            self.apply("dataset.yaml")
            await self._until(lambda: self.status("Dataset", "blueprints").get("state") == "Ready")
            await self._release(1, "Ready", "Healthy")
            await self._release(2, "Ready", "Healthy")
            await self._release(3, "Rejected", "Stalled")
            await self._release(4, "Ready", "Degraded")
            await asyncio.sleep(120)
            kinds = ("Dataset", "TrainingJob", "ModelVersion", "Rollout")
            failed = "controller_runtime_reconcile_errors_total"
            self.errors = sum(self.replica.metric(failed, controller=kind) for kind in kinds)
        finally:
            node.cancel()
            reaper.cancel()
            await self.replica.end()

    async def _release(self, number: int, trained: str, ends: str) -> None:
        version = f"{NAME}-{number}.0.0"
        if number == 4:  # the second version's model, registered by hand
            second = self.cluster.objects["ModelVersion", SPACE, f"{NAME}-2.0.0"]["spec"]
            self.apply("version-v4.yaml", **{name: second[name] for name in ("artifact", "evaluationData")})
        else:
            self.apply(f"training-v{number}.yaml")
        await self._until(lambda: self.status("ModelVersion", version).get("state") == trained)
        self.apply(f"rollout-v{number}.yaml")
        generation = self.cluster.objects["Rollout", SPACE, NAME]["metadata"]["generation"]
        await self._until(
            lambda: self.rollout.get("observedGeneration") == generation and self.rollout["state"] == ends
        )

    async def _replace_when_crashed(self) -> None:
        await self.first.crashed.wait()
        self.crashed = True
        await self.replica.kill()
        self.replica = self._start("second", Wire(self.cluster)).start()

    async def _until(self, condition: Any, seconds: float = 900) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110
                    await asyncio.sleep(1)
        except TimeoutError:
            roots = [o for o in self.cluster.objects.values() if o["apiVersion"].startswith("slipway.dev")]
            said = [f"{o['kind']}/{o['metadata']['name']}: {o.get('status')}" for o in roots]
            raise AssertionError("the story got stuck:\n" + "\n".join(said)) from None
