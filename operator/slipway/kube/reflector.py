"""How is one kind of children mirrored without ever missing a deletion?"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from dataclasses import dataclass, field

from slipway.kube.api import ApiError, Gone, KubeApi, NotFound, TooMany, WatchEvent
from slipway.kube.clock import Clock
from slipway.kube.comparison import compare, take
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
MISSING_KIND_DELAY = 60.0
INACTIVITY_SECONDS = 90.0
"""A stream silent for so long is opened anew: it may be dead. API servers send a bookmark about once a minute, but none
for a kind of which they have seen no change since they started."""
WATCH_SECONDS = 300
FEW = 20
"""Objects that are read one by one; for more a list is cheaper."""
PAUSE_SECONDS = 0.1
"""Between two watches, so that a server which ends every stream at once is not hammered."""


@dataclass
class Reflector:
    """List and watch of one kind, for ever: what a re-list no longer shows is discarded from the store."""

    api: KubeApi
    store: Store
    clock: Clock
    metrics: OperatorMetrics
    kind: str
    namespace: str | None = None
    selector: str = ""
    jitter: random.Random = field(default_factory=random.Random)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after the first complete list, or once we know that the cluster does not have this kind."""
    absent: bool = False
    """The API server does not know the kind: its CRD is not installed."""
    heard_at: float | None = None
    _lists: int = 0
    _since: str | None = None
    """The version up to which everything was heard; None calls for a list."""

    def age(self) -> float:
        """Return the seconds since the last sign of life; 0 while the kind is absent, for there is nothing to hear."""
        if self.absent:
            return 0.0
        return 0.0 if self.heard_at is None else self.clock.monotonic() - self.heard_at

    async def run(self) -> None:
        """Mirror until cancelled."""
        failures = 0
        while True:
            try:
                if self._since is None:
                    self._since = await self._list()
                    self._count()
                await self._watch(self._since)
                failures = 0
                await asyncio.sleep(PAUSE_SECONDS * self.jitter.uniform(0.5, 1.5))
            except Gone:
                self._since = None
            except NotFound as error:
                self._since = None
                self._report_absent(error)
                await asyncio.sleep(MISSING_KIND_DELAY * self.jitter.uniform(0.8, 1.2))
            except ApiError as error:
                failures += 1
                delay = self._delay(failures, error)
                logger.warning(
                    "watch failed", extra={"kind": self.kind, "error": str(error), "retry_seconds": round(delay, 1)}
                )
                await asyncio.sleep(delay)

    async def catch_up(self) -> None:
        """Find what the watch, which may be behind, has not brought yet; try until it works."""
        failures = 0
        while not self.absent:
            try:
                await self._compare()
                return
            except NotFound as error:
                self._report_absent(error)
            except ApiError as error:
                failures += 1
                logger.warning("list failed", extra={"kind": self.kind, "error": str(error)})
                await asyncio.sleep(self._delay(failures, error))

    async def _compare(self) -> None:
        """Compare metadata, and read what is newer: one by one where it is little, else all."""
        found = await compare(self.api, self.store, self.kind, self.namespace, selector=self.selector)
        if len(found.newer) > FEW:
            await self._list()
        else:
            await take(self.api, self.store, found)

    async def _list(self) -> str:
        uids: list[str] = []
        version = ""
        async for page in self.api.pages(self.kind, self.namespace, selector=self.selector):
            version = page.resource_version
            self.heard_at = self.clock.monotonic()
            for obj in page.items:
                uids.append(obj["metadata"]["uid"])
                self.store.put(obj)
        for lost in self.store.missing(self.kind, self.namespace, uids, int(version)):
            meta = lost["metadata"]
            self.store.discard(self.kind, meta.get("namespace", ""), meta["name"], meta["uid"], int(version))
        self.absent = False
        self.synced.set()
        return version

    def _count(self) -> None:
        if self._lists:
            self.metrics.relists.labels(kind=self.kind).inc()
        self._lists += 1

    async def _watch(self, since: str) -> None:
        """Follow one watch stream to its end."""
        seconds = round(WATCH_SECONDS * self.jitter.uniform(0.8, 1.2))
        stream = self.api.watch(self.kind, self.namespace, since=since, selector=self.selector, timeout_seconds=seconds)
        try:
            async with aclosing(stream), asyncio.timeout(INACTIVITY_SECONDS) as silence:
                async for event in stream:
                    self.heard_at = self.clock.monotonic()
                    silence.reschedule(self.heard_at + INACTIVITY_SECONDS)
                    self._hear(event)
        except TimeoutError:
            logger.debug("watch silent; opened anew", extra={"kind": self.kind})

    def _hear(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        self._since = meta["resourceVersion"]
        if event.type == "DELETED":
            namespace, version = meta.get("namespace", ""), int(meta["resourceVersion"])
            self.store.discard(self.kind, namespace, meta["name"], meta["uid"], version)
        elif event.type != "BOOKMARK":
            self.store.put(event.object)

    def _delay(self, failures: int, error: ApiError) -> float:
        grown: float = min(FIRST_DELAY * 2 ** min(failures - 1, 10), LONGEST_DELAY)
        asked = error.retry_after or 0.0 if isinstance(error, TooMany) else 0.0
        return max(asked, grown * self.jitter.uniform(0.5, 1.0))

    def _report_absent(self, error: NotFound) -> None:
        if not self.absent:
            logger.warning(
                "this cluster does not have the kind; objects of it cannot be applied until its CRD is installed",
                extra={"kind": self.kind, "error": str(error)},
            )
        self.absent = True
        self.synced.set()
