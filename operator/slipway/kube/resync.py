"""Did the watches of the four kinds lose anything?"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field

from slipway.kube.api import ApiError, KubeApi, NotFound
from slipway.kube.clock import Clock
from slipway.kube.comparison import Found, compare, take
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
"""How long a watch may lag behind a list before we call its news lost."""
BURST_SECONDS = 3.0
"""A re-list by kopf is over when no listed object came for so long."""
RETRY_SECONDS = 5.0


@dataclass
class Resync:
    """Lists the root kinds: at the start, when this replica begins to lead, after kopf re-listed, and now and then.

    kopf reports no deletion of objects that went away while it had no watch; this finds them.
    """

    api: KubeApi
    store: Store
    clock: Clock
    metrics: OperatorMetrics
    namespaces: Collection[str] = ()
    period: float = 1800.0
    jitter: random.Random = field(default_factory=random.Random)
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)
    _heard_at: dict[str, float] = field(default_factory=dict)

    def heard(self, kind: str, event: str | None) -> None:
        """Take note of an event from kopf; the type None means that it listed."""
        self._heard_at[kind] = self.clock.monotonic()
        if event is None:
            self._nudged.set()

    def ages(self) -> dict[str, float]:
        """Return the seconds since each kind was heard of, by its watch or by a list that agreed with it."""
        now = self.clock.monotonic()
        return {kind: now - at for kind, at in self._heard_at.items()}

    async def take_all(self) -> None:
        """Bring the store up to date with one consistent list per kind; try until it works."""
        async for _ in self.taken():
            pass

    async def taken(self) -> AsyncGenerator[str, None]:
        """Bring the store up to date with one kind after the other, and yield each that is; try until it works.

        Where the store is empty everything is listed. Later the metadata tells what is missing: a replica that begins
        to lead has nearly everything already. Rollouts come first, for what serves must not wait for what is trained.
        """
        for kind in reversed(ROOT_KINDS):
            while True:
                try:
                    if not any(True for _ in self.store.all(kind)):
                        await self._fill(kind)
                    for found in await self._compare(kind):
                        await take(self.api, self.store, found)
                    yield kind
                    break
                except NotFound as error:
                    logger.error(
                        "the cluster does not have the kind; install Slipway's CRDs (crds/ or the chart)",
                        extra={"kind": kind, "error": str(error)},
                    )
                except ApiError as error:
                    logger.warning("list failed", extra={"kind": kind, "error": str(error)})
                await asyncio.sleep(RETRY_SECONDS * self.jitter.uniform(0.8, 1.2))

    async def run(self) -> None:
        """Compare lists with the store until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self.period * self.jitter.uniform(0.8, 1.2)):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            while self._nudged.is_set():
                self._nudged.clear()
                await asyncio.sleep(BURST_SECONDS)
            for kind in ROOT_KINDS:
                try:
                    await self.check(kind)
                except ApiError as error:
                    logger.warning("resync failed", extra={"kind": kind, "error": str(error)})

    async def check(self, kind: str) -> int:
        """Find, take over and count what the watch of `kind` lost; return the number."""
        suspects = await self._compare(kind)
        lost = 0
        if any(found.gone or found.newer for found in suspects):
            await asyncio.sleep(SETTLE_SECONDS)  # a list may simply be ahead of the watch
            lost = sum([await self._take(found) for found in suspects])
        if not lost:
            self._heard_at[kind] = self.clock.monotonic()
        return lost

    async def _fill(self, kind: str) -> None:
        for namespace in self.namespaces or (None,):
            async for page in self.api.pages(kind, namespace):
                for obj in page.items:
                    self.store.put(obj)

    async def _compare(self, kind: str) -> list[Found]:
        return [await compare(self.api, self.store, kind, namespace) for namespace in (self.namespaces or (None,))]

    async def _take(self, found: Found) -> int:
        """Take over what the watch lost, and count it; return the number."""
        gone, newer = await take(self.api, self.store, found)
        for change, number in (("deleted", gone), ("changed", newer)):
            if number:
                self.metrics.lost.labels(kind=found.kind, change=change).inc(number)
                logger.warning(
                    "the watch had lost changes", extra={"kind": found.kind, "change": change, "number": number}
                )
        return gone + newer
