"""How is one operator process run in a test, and killed?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from slipway.kube.api import ApiError, Gone, KubeApi
from slipway.kube.engine import Engine, Options
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.roots import hear
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Answer, Key, PrometheusQuery, Question, Room
from tests.engine.cluster import Cluster
from tests.engine.faults import Wire
from tests.engine.toy import ToyRoom
from tests.engine.virtual import EPOCH, VirtualClock


class LikeKopf:
    """Watches the four kinds as kopf does, with its gap: a re-list reports no deletions."""

    def __init__(self, api: KubeApi, store: Store, heard: Callable[[str, str | None], None]) -> None:
        self._api, self._store, self._heard = api, store, heard
        self._stop = asyncio.Event()

    async def run(self) -> None:
        watches = [asyncio.create_task(self._watch(kind)) for kind in ROOT_KINDS]
        try:
            await self._stop.wait()
        finally:
            for watch in watches:
                watch.cancel()

    def stop(self) -> None:
        self._stop.set()

    async def _watch(self, kind: str) -> None:
        while True:
            try:
                async for page in self._api.pages(kind, None):
                    for obj in page.items:
                        self._tell(None, obj)
                    since = page.resource_version
                while True:
                    async for event in self._api.watch(kind, None, since=since):
                        since = event.object["metadata"]["resourceVersion"]
                        if event.type != "BOOKMARK":
                            self._tell(event.type, event.object)
                    await asyncio.sleep(0.1)
            except Gone:
                pass
            except ApiError:
                await asyncio.sleep(1)

    def _tell(self, type: str | None, obj: dict[str, Any]) -> None:
        hear(self._store, type, obj)
        self._heard(obj["kind"], type)


class Oracle:
    """Answers every query with the number it contains, after a second."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, question: Question) -> Answer:
        assert isinstance(question, PrometheusQuery)
        self.asked.append(question.query)
        await asyncio.sleep(1)
        return Answer(EPOCH, series=(({}, float(question.query)),))


class Replica:
    """An engine with its own connection."""

    def __init__(
        self,
        cluster: Cluster,
        name: str = "one",
        rooms: Mapping[str, Room] | None = None,
        wire: Wire | None = None,
        **options: Any,
    ) -> None:
        self.wire = wire or Wire(cluster)
        self.oracle = Oracle()
        self.metrics = OperatorMetrics()
        self.lost = asyncio.Event()
        self.engine = Engine(
            self.wire,
            self.wire,
            rooms if rooms is not None else {"Dataset": ToyRoom()},
            self.oracle,
            lambda store, heard: LikeKopf(self.wire, store, heard),
            Options(name, "slipway-system", http_port=None, progress_port=None, **options),
            VirtualClock(),
            self.metrics,
            self.lost.set,
        )
        self.stop = asyncio.Event()
        self.task: asyncio.Task[int] | None = None

    async def __aenter__(self) -> Replica:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    def start(self) -> Replica:
        self.task = asyncio.create_task(self.engine.run(self.stop))
        return self

    async def end(self) -> int:
        """Stop as SIGTERM does; return the exit code."""
        assert self.task is not None
        self.stop.set()
        return await self.task

    async def kill(self) -> None:
        """End as SIGKILL does: no request leaves the process any more, the Lease is not released."""
        assert self.task is not None
        self.wire.die()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def leads(self) -> bool:
        return self.engine.elector.leading.is_set()

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def key(self, name: str = "data") -> Key:
        return Key("Dataset", "demo", name)
