"""What do probes, Prometheus and pods see of a real HTTP port?"""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from slipway.kube.clock import LoopClock
from slipway.kube.http import SILENT_SECONDS, Health
from slipway.kube.progress import ProgressServer, Writer
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from tests.engine.cluster import Cluster


async def test_probes_and_metrics() -> None:
    metrics, ages, ready = OperatorMetrics(), {"Pod": 1.0}, [False]
    metrics.watch_ages(lambda: ages)
    metrics.store_sizes(lambda: {"Pod": 7.0})
    health = Health(LoopClock(), metrics, lambda: ages, lambda: ready[0], lambda: "Pod")
    async with TestClient(TestServer(health.app())) as client:
        answer = await client.get("/readyz")
        assert (answer.status, await answer.text()) == (503, "waiting for the first list of Pod\n")
        ready[0] = True
        assert (await client.get("/readyz")).status == 200
        assert (await client.get("/healthz")).status == 200
        text = await (await client.get("/metrics")).text()
        assert 'slipway_watch_age_seconds{kind="Pod"} 1.0' in text
        assert 'slipway_store_objects{kind="Pod"} 7.0' in text
        assert "slipway_rollout_percent" in text
        some = await (await client.get("/metrics?name[]=slipway_store_objects&name[]=slipway_rollout_info")).text()
        told = {line.split()[2] for line in some.splitlines() if line.startswith("# TYPE")}
        assert told == {"slipway_store_objects", "slipway_rollout_info"}
        assert 'slipway_store_objects{kind="Pod"} 7.0' in some
        ages["Pod"] = SILENT_SECONDS + 1
        answer = await client.get("/healthz")
        assert answer.status == 500
        assert "Pod" in await answer.text()


async def test_the_progress_port_refuses_in_words() -> None:
    api, store, clock, metrics = Cluster(), Store(), LoopClock(), OperatorMetrics()
    server = ProgressServer(api, store, clock, metrics, Writer(api, store, clock))
    async with TestClient(TestServer(server.app())) as client:
        answer = await client.post("/v1/progress", data=b"{}")
        assert answer.status == 401
        assert "Authorization" in await answer.text()
        answer = await client.post("/v1/progress", data=b"x" * 5000, headers={"Authorization": "Bearer t"})
        assert answer.status == 413
        assert (await client.get("/v1/progress")).status == 405
    assert 'slipway_progress_pushes_total{code="413"} 1.0' in metrics.text().decode()


async def test_a_scrape_tells_of_releases_and_of_runs() -> None:
    objects = {
        "Rollout": {"metadata": {"namespace": "games", "name": "assistant"}, "status": {"percent": 25}},
        "TrainingJob": {"metadata": {"namespace": "games", "name": "v1"}, "status": {"restarts": {"failed": 2}}},
    }
    health = Health(LoopClock(), OperatorMetrics(), dict, lambda: True, told=lambda kind: (objects[kind],))
    async with TestClient(TestServer(health.app())) as client:
        text = await (await client.get("/metrics")).text()
    assert 'slipway_rollout_percent{namespace="games",rollout="assistant"} 25.0' in text
    assert 'slipway_training_restarts{namespace="games",training_job="v1",reason="failed"} 2.0' in text
