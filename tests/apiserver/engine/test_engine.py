"""Does the engine work against a real apiserver and with kopf?"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from slipway.kube.client import KubeClient
from slipway.kube.clock import LoopClock
from slipway.kube.connection import Kubeconfig
from slipway.kube.engine import Engine, Options
from slipway.kube.roots import RootWatch
from slipway.metrics.operator import OperatorMetrics
from slipway.names import root_labels
from slipway.plan import Answer, Event, Facts, Key, Manifest, Plan, Question, View
from tests.apiserver.engine.test_client import dataset
from tests.apiserver.engine.test_kopf import until
from tests.apiserver.server import ApiServer


class FilesRoom:
    """Every inline file of a Dataset becomes a ConfigMap and a Deployment."""

    kind = "Dataset"
    owns = frozenset({"ConfigMap", "Deployment"})

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        meta = root["metadata"]
        labels = root_labels(self.kind, meta["name"], meta["uid"])
        children: list[dict[str, Any]] = []
        for file in root["spec"]["source"]["inline"]["files"]:
            where = {"name": f"{meta['name']}-{file['name']}", "namespace": meta["namespace"], "labels": labels}
            children.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": where, "data": {"t": file["text"]}})
            resources = {"requests": {"cpu": "1000m", "memory": "1024Mi"}}  # the server writes 1 and 1Gi
            container = {"name": "main", "image": "x", "args": [file["text"]], "resources": resources}
            template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
            spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
            children.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": where, "spec": spec})
        there = len(view.owned(meta["uid"]))
        ready = there == len(children)
        before = (root.get("status") or {}).get("message")
        said = f"{there} of {len(children)}"
        status = {"state": "Ready" if ready else "Preparing", "message": said, "observedGeneration": meta["generation"]}
        return Plan(status, children, events=[Event("Counted", said)] if said != before else [])

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        return ()


class NobodyToAsk:
    """Datasets ask no questions."""

    async def ask(self, question: Question) -> Answer:
        raise AssertionError(f"a Dataset asks {question}")


class Running:
    """An operator in this process, its client, and its way to stop."""

    def __init__(self, connection: Kubeconfig, space: str, name: str) -> None:
        self.metrics = OperatorMetrics()
        self.api, self.lease = KubeClient(connection, self.metrics), KubeClient(connection, self.metrics)
        self.engine = Engine(
            self.api,
            self.lease,
            {"Dataset": FilesRoom()},
            NobodyToAsk(),
            lambda store, heard: RootWatch(store, connection, heard, (space,)),
            Options(name, space, (space,), workers=4, http_port=None, progress_port=None),
            LoopClock(),
            self.metrics,
        )
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.engine.run(self.stop))

    @property
    def leads(self) -> bool:
        return self.engine.elector.leading.is_set()

    def writes(self) -> dict[tuple[str, str], float]:
        """How many writes of each kind and verb were answered."""
        return {
            (sample.labels["kind"], sample.labels["verb"]): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "slipway_writes_total"
        }

    async def rest(self) -> None:
        """Until nothing waits and nothing is worked on. The server shows a write before its answer is counted."""
        backlog = self.engine.queue.backlog
        await until(lambda: not len(backlog) and not backlog.working)

    async def end(self) -> int:
        self.stop.set()
        async with asyncio.timeout(30):
            code = await self.task
        await self.api.close()
        await self.lease.close()
        return code


@contextlib.asynccontextmanager
async def operator(connection: Kubeconfig, space: str, name: str = "one") -> AsyncIterator[Running]:
    running = Running(connection, space, name)
    try:
        yield running
    finally:
        assert await running.end() == 0


def files(space: str, *texts: str) -> dict[str, Any]:
    wanted = dataset(space)
    wanted["spec"]["source"]["inline"]["files"] = [{"name": f"f{i}", "text": t} for i, t in enumerate(texts)]
    return wanted


async def settled(api: KubeClient, space: str, files: int, made: int | None = None) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            root = await api.get("Dataset", space, "data")
            if root.get("status", {}).get("message") == f"{2 * files if made is None else made} of {2 * files}":
                return root
            await asyncio.sleep(0.05)


async def test_children_come_change_and_go(api: KubeClient, connection: Kubeconfig, space: str) -> None:
    async with operator(connection, space) as running:
        await api.apply(files(space, "a", "b", "c"), manager="user")
        root = await settled(api, space, 3)
        maps = [m async for page in api.pages("ConfigMap", space) for m in page.items]
        assert [m["metadata"]["name"] for m in maps if "ownerReferences" in m["metadata"]] == [
            "data-f0",
            "data-f1",
            "data-f2",
        ]
        [owner] = maps[0]["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (root["metadata"]["uid"], True)
        await api.apply(files(space, "z"), manager="user")
        await settled(api, space, 1)
        assert (await api.get("ConfigMap", space, "data-f0"))["data"] == {"t": "z"}
        await api.merge("Deployment", space, "data-f0", {"spec": {"replicas": 7}})
        async with asyncio.timeout(10):
            while (await api.get("Deployment", space, "data-f0"))["spec"]["replicas"] == 7:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await running.rest()
        before = running.writes()
        for _ in range(3):
            running.engine.queue.add(Key("Dataset", space, "data"))
            await running.rest()
        await asyncio.sleep(0.5)  # echoes of our own writes, if there were any, have come back by now
        assert running.writes() == before
        events = [e async for page in api.pages("Event", space) for e in page.items]
        assert any(e["reason"] == "Counted" and e["regarding"]["name"] == "data" for e in events)


async def test_a_restarted_operator_changes_nothing(api: KubeClient, connection: Kubeconfig, space: str) -> None:
    async with operator(connection, space) as first:
        await api.apply(files(space, "a", "b"), manager="user")
        await settled(api, space, 2)
        await first.rest()
    before = {
        (o["kind"], o["metadata"]["name"]): o["metadata"]["resourceVersion"]
        for kind in ("Dataset", "ConfigMap", "Deployment")
        async for page in api.pages(kind, space)
        for o in page.items
    }
    async with operator(connection, space, "two") as second:
        await until(
            lambda: (
                second.leads
                and second.metrics.registry.get_sample_value(
                    "controller_runtime_reconcile_total", {"controller": "Dataset", "result": "success"}
                )
                is not None
            )
        )
        await asyncio.sleep(0.5)
    after = {
        (o["kind"], o["metadata"]["name"]): o["metadata"]["resourceVersion"]
        for kind in ("Dataset", "ConfigMap", "Deployment")
        async for page in api.pages(kind, space)
        for o in page.items
    }
    assert after == before


async def test_what_somebody_else_made_is_not_taken_over(api: KubeClient, connection: Kubeconfig, space: str) -> None:
    theirs = {"app": "theirs"}
    container = {"name": "theirs", "image": "theirs"}
    template = {"metadata": {"labels": theirs}, "spec": {"containers": [container]}}
    meta = {"name": "data-f0", "namespace": space}
    spec = {"selector": {"matchLabels": theirs}, "template": template}
    await api.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    before = await api.get("Deployment", space, "data-f0")
    async with operator(connection, space) as running:
        await api.apply(files(space, "a"), manager="user")
        await settled(api, space, 1, made=1)
        await running.rest()
        [condition] = (await api.get("Dataset", space, "data"))["status"]["conditions"]
        assert (condition["type"], condition["reason"]) == ("ChildrenApplied", "ChildNotOurs")
        assert f"Deployment {space}/data-f0 exists and was made by someone else" in condition["message"]
        assert await api.get("Deployment", space, "data-f0") == before


async def test_a_definition_upgraded_underneath_changes_nothing_and_stops_nobody(
    server: ApiServer, api: KubeClient, connection: Kubeconfig, space: str
) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/datasets.slipway.dev"
    today = server.request("GET", path).body["spec"]
    newer = copy.deepcopy(today)
    version = newer["versions"][0]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["ofTomorrow"] = {"type": "string"}
    version["additionalPrinterColumns"].append({"name": "Tomorrow", "type": "string", "jsonPath": ".spec.ofTomorrow"})

    def define(spec: object) -> None:
        assert server.request("PATCH", path, {"spec": spec}, "application/merge-patch+json").code == 200

    try:
        async with operator(connection, space) as running:
            await api.apply(files(space, "a"), manager="user")
            await settled(api, space, 1)
            await running.rest()
            writes = running.writes()
            define(newer)
            await asyncio.sleep(2)  # the apiserver ends the watches of a definition that changed
            assert running.writes() == writes
            tomorrow = files(space, "a", "b")
            tomorrow["spec"]["ofTomorrow"] = "kept, though this operator does not know it"
            async with asyncio.timeout(20):
                while (await api.apply(tomorrow, manager="user"))["spec"].get("ofTomorrow") is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await settled(api, space, 2)
            assert (await api.get("Dataset", space, "data"))["spec"]["ofTomorrow"].startswith("kept")
    finally:
        define(today)
