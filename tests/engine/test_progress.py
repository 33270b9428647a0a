"""Does a pod's progress reach its own job's status, and nobody else's?"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from slipway.api.trainingjob_status import TrainingProgress
from slipway.contract.progress import Progress
from slipway.kube.api import Server
from slipway.kube.progress import ProgressServer, Refused, Writer, decimal, to_status
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.names import root_labels
from slipway.training.room import Room
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.node import Node
from tests.engine.replica import Replica
from tests.engine.story import SETTINGS
from tests.engine.virtual import EPOCH, VirtualClock, virtual
from tests.unit.training.world import SPEC, dataset
from tests.unit.worlds import NAMESPACE

BODY = json.dumps({"step": 10, "steps": 40, "loss": 0.51234567, "tokens_per_second": 164.4}).encode()


def reviewed(pod: str, uid: str, audience: str = "slipway-progress") -> dict[str, Any]:
    extra = {
        "authentication.kubernetes.io/pod-name": [pod],
        "authentication.kubernetes.io/pod-uid": [uid],
    }
    user = {"username": "system:serviceaccount:demo:default", "extra": extra}
    return {"authenticated": True, "audiences": [audience], "user": user}


class Setting:
    """A TrainingJob with a pod, and the server."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.wire, self.store = Wire(self.cluster), Store()
        clock = VirtualClock()
        self.writer = Writer(self.wire, self.store, clock)
        self.server = ProgressServer(self.wire, self.store, clock, OperatorMetrics(), self.writer)

    async def job(self, name: str = "run", kind: str = "TrainingJob") -> dict[str, Any]:
        meta = {"name": name, "namespace": "demo"}
        manifest = {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": {}}
        root = await self.cluster.create(manifest)
        self.store.put(root)
        labels = root_labels(kind, name, root["metadata"]["uid"])
        meta = {"name": f"{name}-pod", "namespace": "demo", "labels": labels}
        pod = await self.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}})
        self.store.put(pod)
        self.cluster.reviews[f"token-of-{name}"] = reviewed(f"{name}-pod", pod["metadata"]["uid"])
        return root

    async def push(self, token: str, body: bytes = BODY) -> int:
        try:
            await self.server.accept(f"Bearer {token}", body)
        except Refused as refusal:
            return refusal.code
        return 202

    def progress(self, name: str = "run") -> dict[str, Any]:
        return self.cluster.objects["TrainingJob", "demo", name].get("status", {}).get("progress", {})


@virtual
async def test_a_push_is_written_as_the_api_writes_numbers() -> None:
    setting = Setting()
    await setting.job()
    assert await setting.push("token-of-run") == 202
    await asyncio.sleep(1)
    found = setting.progress()
    assert (found["step"], found["steps"], found["percent"]) == (10, 40, 25)
    assert (found["loss"], found["tokensPerSecond"]) == ("0.512346", 164)
    assert found["updatedAt"] == "2026-01-01T00:00:00Z"
    assert [call.manager for call in setting.wire.calls if call.verb == "status"] == ["slipway-progress"]
    await setting.writer.close()


@virtual
async def test_many_pushes_make_few_writes_and_the_last_one_wins() -> None:
    setting = Setting()
    await setting.job()
    for step in range(100):
        assert await setting.push("token-of-run", json.dumps({"step": step, "steps": 100}).encode()) == 202
        await asyncio.sleep(0.1)
    await asyncio.sleep(5)
    assert setting.progress()["step"] == 99
    assert len([call for call in setting.wire.calls if call.verb == "status"]) <= 7
    assert len([call for call in setting.wire.calls if call.kind == "TokenReview"]) == 1
    await setting.writer.close()


@virtual
async def test_tokens_that_name_nobody_of_ours_are_refused() -> None:
    setting = Setting()
    await setting.job()
    await setting.job("data", kind="Dataset")
    reviews = setting.cluster.reviews
    reviews["wrong-audience"] = {**reviews["token-of-run"], "audiences": ["else"]}
    reviews["reborn"] = reviewed("run-pod", "another-uid")
    reviews["stranger"] = reviewed("stranger", "uid")
    reviews["human"] = {"authenticated": True, "audiences": ["slipway-progress"], "user": {"username": "eve"}}
    assert await setting.push("nonsense") == 401
    assert await setting.push("wrong-audience") == 401
    assert await setting.push("human") == 401
    assert await setting.push("") == 401
    assert await setting.push("reborn") == 403
    assert await setting.push("stranger") == 403
    assert await setting.push("token-of-data") == 403
    assert setting.progress() == {}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"step": -1, "steps": 1}', b'{"step": 1}', b'{"step": 1, "steps": 2, "loss": "NaN"}'],
)
def test_bodies_that_say_nothing_are_refused(body: bytes) -> None:
    @virtual
    async def run() -> None:
        setting = Setting()
        await setting.job()
        assert await setting.push("token-of-run", body) == 400

    run()


@virtual
async def test_while_the_operator_starts_or_the_server_is_down_pods_are_told_to_come_back() -> None:
    setting = Setting()
    await setting.job()
    setting.server.ready = lambda: False
    assert await setting.push("token-of-run") == 503
    setting.server.ready = lambda: True
    setting.wire.fault = lambda call: Server("down", status=500)
    assert await setting.push("token-of-run") == 503


@virtual
async def test_a_job_that_changed_meanwhile_is_written_on_the_next_turn() -> None:
    setting = Setting()
    await setting.job()
    changed = setting.cluster.edit("TrainingJob", "demo", "run", spec={"suspend": True})
    await setting.push("token-of-run")
    await asyncio.sleep(1)
    assert setting.progress() == {}
    setting.store.put(changed)
    await asyncio.sleep(3)
    assert setting.progress()["step"] == 10
    await setting.writer.close()


@virtual
async def test_what_another_replica_wrote_later_is_not_overwritten() -> None:
    setting = Setting()
    await setting.job()
    later = {"progress": {"step": 30, "steps": 40, "updatedAt": "2026-01-01T00:05:00Z"}}
    setting.store.put(setting.cluster.edit("TrainingJob", "demo", "run", status=later))
    await setting.push("token-of-run")
    await asyncio.sleep(5)
    assert setting.progress()["step"] == 30
    await setting.writer.close()


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.5, 6, "0.5"),
        (-0.0000001, 6, "0"),
        (1234567.0, 3, "1234567"),
        (100.0, 0, "100"),
        (1e300, 6, "1.000000e300"),
        (None, 6, None),
    ],
)
def test_numbers_fit_the_api(value: float | None, places: int, text: str | None) -> None:
    assert decimal(value, places) == text
    TrainingProgress(step=0, steps=0, loss=decimal(value, places))


def test_a_run_of_unknown_length_is_at_zero_percent() -> None:
    assert to_status(Progress(step=5, steps=0), EPOCH.isoformat()).percent == 0


@virtual
async def test_all_figures_of_a_push_reach_the_status() -> None:
    setting = Setting()
    await setting.job()
    body = {
        "step": 3, "steps": 9, "tokensPerSecond": 1800.4, "trainedTokensPerSecond": 420.6, "mfuPercent": 31.7,
        "learningRate": 2e-7, "gradientNorm": 12345678.9, "memoryBytes": 7_000_000_000,
        "report": "s3://slipway/slipway/models/reports/demo/run/report.html",
        "memory": {
            "weightsBytes": 500, "gradientsBytes": 20, "optimiserBytes": 40, "activationsBytes": 400, "lossBytes": 30,
            "safetyBytes": 99, "totalBytes": 1089, "peakBytes": 1001,
        },
    }  # fmt: skip
    assert await setting.push("token-of-run", json.dumps(body).encode()) == 202
    await asyncio.sleep(1)
    found = setting.progress()
    assert (found["tokensPerSecond"], found["trainedTokensPerSecond"], found["mfuPercent"]) == (1800, 421, 32)
    assert (found["learningRate"], found["gradientNorm"]) == ("2e-07", "1.23457e07")
    assert found["memoryBytes"] == 7_000_000_000
    assert found["report"] == body["report"]
    assert found["memory"] == body["memory"]
    assert await setting.push("token-of-run", json.dumps(body | {"report": "https://elsewhere"}).encode()) == 400
    await setting.writer.close()


@virtual
async def test_the_time_left_of_a_run_goes_when_it_ends_and_its_other_figures_stay() -> None:
    cluster = Cluster()
    data = dataset()
    await cluster.create({**data, "status": data["status"]})
    meta = {"name": "run", "namespace": NAMESPACE}
    run = {"apiVersion": "slipway.dev/v1alpha1", "kind": "TrainingJob", "metadata": meta, "spec": SPEC}
    await cluster.create(run)
    replica = Replica(cluster, "one", {"TrainingJob": Room(SETTINGS)}, Wire(cluster)).start()
    node = asyncio.create_task(Node(cluster, lambda digest: 1.0).run())

    def found() -> dict[str, Any]:
        return cluster.objects["TrainingJob", NAMESPACE, "run"]

    def status() -> dict[str, Any]:
        return found().get("status") or {}

    async def until(state: str) -> None:
        async with asyncio.timeout(60):
            while status().get("state") != state:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    try:
        await until("Running")
        replica.engine.writer.offer(found()["metadata"]["uid"], Progress(step=3, steps=9, eta_seconds=70, loss=0.5))
        await asyncio.sleep(1)
        assert status()["progress"]["etaSeconds"] == 70
        await until("Succeeded")
        await asyncio.sleep(1)
        assert "etaSeconds" not in status()["progress"]
        assert (status()["progress"]["step"], status()["progress"]["loss"]) == (3, "0.5")
        version = found()["metadata"]["resourceVersion"]
        await asyncio.sleep(30)
        assert found()["metadata"]["resourceVersion"] == version, "there is nothing more to write"
    finally:
        node.cancel()
        await replica.end()
