"""How does one replica's connection to the cluster fail?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from slipway.kube.api import Page, WatchEvent
from slipway.plan import Manifest
from tests.engine.cluster import Cluster

WRITES = ("apply", "status", "delete")
"""Verbs of the reconciler's writes; leases and events are not part of any object's state."""


@dataclass(frozen=True)
class Call:
    """One request on its way."""

    verb: str
    kind: str
    name: str = ""
    manager: str = ""


@dataclass
class Wire:
    """A `KubeApi` to `cluster` that may raise before a call (`fault`), hang, or die after the n-th write."""

    cluster: Cluster
    fault: Callable[[Call], Exception | None] = lambda call: None
    crash_after: int | None = None
    hangs: Callable[[Call], bool] = lambda call: False
    latency: float = 0.002
    calls: list[Call] = field(default_factory=list)
    crashed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.verb in WRITES and call.manager != "slipway-progress"]

    def die(self) -> None:
        """Lose the connection for good, as a killed process does."""
        self.crashed.set()

    async def _before(self, call: Call) -> None:
        if self.crashed.is_set() or self.hangs(call):
            await asyncio.Event().wait()
        await asyncio.sleep(self.latency)
        if self.crashed.is_set():
            await asyncio.Event().wait()
        self.calls.append(call)
        error = self.fault(call)
        if error is not None:
            raise error

    async def _after(self) -> None:
        if self.crash_after is not None and len(self.writes) >= self.crash_after:
            self.die()
            await asyncio.Event().wait()

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        await self._before(Call(subresource or "apply", manifest["kind"], manifest["metadata"]["name"], manager))
        answer = await self.cluster.apply(manifest, manager=manager, subresource=subresource, force=force)
        await self._after()
        return answer

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        await self._before(Call("get", kind, name))
        return await self.cluster.get(kind, namespace, name)

    async def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        await self._before(Call("list", kind))
        async for page in self.cluster.marks(kind, namespace, selector=selector):
            yield page

    async def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        await self._before(Call("list", kind))
        async for page in self.cluster.pages(kind, namespace, selector=selector, limit=limit):
            yield page

    async def watch(
        self, kind: str, namespace: str | None, *, since: str, selector: str = "", timeout_seconds: int = 300
    ) -> AsyncGenerator[WatchEvent, None]:
        await self._before(Call("watch", kind))
        stream = self.cluster.watch(kind, namespace, since=since, selector=selector, timeout_seconds=timeout_seconds)
        async for event in stream:
            if self.crashed.is_set() or self.hangs(Call("event", kind)):
                await asyncio.Event().wait()
            yield event

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> dict[str, Any]:
        await self._before(Call("delete", kind, name))
        answer = await self.cluster.delete(kind, namespace, name, uid=uid, propagation=propagation)
        await self._after()
        return answer

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        child = manifest["kind"] not in {"Event", "Lease", "TokenReview"}
        verb = "apply" if child else "create"  # to whoever crashes or is refused, a child is a child
        await self._before(Call(verb, manifest["kind"], manifest["metadata"].get("name", "")))
        answer = await self.cluster.create(manifest)
        if child:
            await self._after()
        return answer

    async def replace(self, manifest: Manifest) -> dict[str, Any]:
        await self._before(Call("replace", manifest["kind"], manifest["metadata"]["name"]))
        return await self.cluster.replace(manifest)

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> dict[str, Any]:
        await self._before(Call("merge", kind, name))
        return await self.cluster.merge(kind, namespace, name, patch)
