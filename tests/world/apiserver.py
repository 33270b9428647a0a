"""How does one operator process reach the cluster, and how does that fail?"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from slipway.kube.api import Forbidden, Server, Timeout, TooMany, Unreachable
from slipway.plan import Manifest
from tests.engine.cluster import Cluster

Heard = Callable[[str, dict[str, Any]], None]


class Live(Cluster):
    """The cluster's objects; every change is told at once to whoever listens, instead of being kept as history."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Heard] = []

    def put(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Create or replace an object as a controller of the cluster does."""
        id = (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        before = self.objects.get(id)
        if before is None:
            obj = {**obj, "metadata": {"uid": f"{id[0]}-{id[2]}-{self.version}", **obj["metadata"]}}
        else:
            obj = {**obj, "metadata": {**before["metadata"], **obj["metadata"]}}
        return self._store(obj)

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object that must not be changed, or None."""
        return self.objects.get((kind, namespace, name))

    def _record(self, type: str, obj: dict[str, Any], before: dict[str, Any] | None) -> None:
        for heard in list(self.listeners):
            heard(type, obj)


class Crash(BaseException):
    """The process died. Nothing in it may catch this."""


class Wait:
    """Suspends a coroutine for some virtual seconds; None: until somebody wakes it."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def __await__(self) -> Generator[float | None, None, None]:
        yield self.seconds


@dataclass
class Trouble:
    """What happens to the next calls."""

    kind: str
    calls: int
    of: str = ""
    """The kind of object whose calls alone meet it; empty: all."""


@dataclass
class Connection:
    """A `KubeApi` without an event loop: it answers at once, or suspends its caller for virtual time."""

    cluster: Live
    wrote: Callable[[str, Manifest], None]
    """Told of every write before it is answered: verb and object."""
    troubles: list[Trouble] = field(default_factory=list)
    crash_after: int | None = None
    latency: Callable[[], float] = lambda: 0.0
    crashed: bool = False

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        lost = await self._before(str(manifest["kind"]))
        answer = await self.cluster.apply(manifest, manager=manager, subresource=subresource, force=force)
        self._after("status" if subresource else "apply", answer, lost)
        return answer

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        lost = await self._before(str(manifest["kind"]))
        answer = await self.cluster.create(manifest)
        self._after("apply", answer, lost)
        return answer

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> dict[str, Any]:
        lost = await self._before(kind)
        found = await self.cluster.get(kind, namespace, name)
        answer = await self.cluster.delete(kind, namespace, name, uid=uid, propagation=propagation)
        self._after("delete", found, lost)
        return answer

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        await self._before(kind)
        return await self.cluster.get(kind, namespace, name)

    async def _before(self, kind: str) -> bool:
        """Meet what is in the way of a call; tell whether its answer will be lost."""
        pause = self.latency()
        if pause:
            await Wait(pause)
        trouble = next((t for t in self.troubles if not t.of or t.of == kind), None)
        if trouble is None:
            return False
        trouble.calls -= 1
        if trouble.calls <= 0:
            self.troubles.remove(trouble)
        match trouble.kind:
            case "TooMany":
                raise TooMany("slow down", status=429, retry_after=1.0)
            case "Server":
                raise Server("etcd leader changed", status=500)
            case "Forbidden":
                raise Forbidden("exceeded quota", status=403)
            case "Unreachable":
                raise Unreachable("connection refused")
            case "Hang":
                await Wait(10.0)
                raise Timeout("no answer in 10 s")
            case "AnswerLost":
                return True
        raise AssertionError(f"unknown trouble {trouble.kind}")

    def _after(self, verb: str, obj: Manifest, lost: bool) -> None:
        self.wrote(verb, obj)
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after <= 0:
                self.crashed = True
                raise Crash
        if lost:
            raise Timeout("the write was made, its answer was lost")
