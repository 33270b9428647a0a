"""How are transitions told to people, without flooding the cluster?"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.kube.api import ApiError, KubeApi, NotFound
from slipway.kube.clock import Clock, micro_time
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Event, Manifest

logger = logging.getLogger(__name__)

NOTE_BYTES = 1024
BURST = 25
REFILL_SECONDS = 60.0
SERIES_SECONDS = 360.0
SERIES_PATCH_SECONDS = 30.0
REMEMBERED = 4096
PENDING = 1000


@dataclass
class _Series:
    """Repetitions of one event; the same as `series` of events.k8s.io/v1."""

    name: str
    namespace: str
    count: int
    last: float
    patched_at: float


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass
class Recorder:
    """Writes events.k8s.io/v1 in the background: repeats become one series, and no object may speak too often."""

    api: KubeApi
    clock: Clock
    metrics: OperatorMetrics
    instance: str
    controller: str = "slipway.dev/operator"
    _queue: asyncio.Queue[tuple[Manifest, Event, datetime]] = field(default_factory=lambda: asyncio.Queue(PENDING))
    _series: OrderedDict[tuple[str, str, str, str], _Series] = field(default_factory=OrderedDict)
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def record(self, regarding: Manifest, event: Event) -> None:
        """Take note of `event`; never waits and never fails, for events are told, not relied upon."""
        if not self._allowed(regarding["metadata"]["uid"]):
            self.metrics.events_dropped.labels(why="rate").inc()
            return
        try:
            self._queue.put_nowait((regarding, event, self.clock.now()))
        except asyncio.QueueFull:
            self.metrics.events_dropped.labels(why="backlog").inc()

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            regarding, event, at = await self._queue.get()
            try:
                await self._write(regarding, event, at)
            except ApiError as error:
                self.metrics.events_dropped.labels(why="api").inc()
                logger.warning("event not recorded", extra={"reason": event.reason, "error": str(error)})
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until everything noted is written."""
        await self._queue.join()

    async def _write(self, regarding: Manifest, event: Event, at: datetime) -> None:
        now = self.clock.monotonic()
        identity = (regarding["metadata"]["uid"], event.type, event.reason, event.message)
        series = self._series.get(identity)
        if series is not None and now - series.last < SERIES_SECONDS:
            series.count, series.last = series.count + 1, now
            if series.count == 2 or now - series.patched_at >= SERIES_PATCH_SECONDS:
                series.patched_at = now
                body = {"series": {"count": series.count, "lastObservedTime": micro_time(at)}}
                try:
                    await self.api.merge("Event", series.namespace, series.name, body)
                    return
                except NotFound:
                    pass  # events live for an hour; begin a new one
            else:
                return
        written = self._manifest(regarding, event, at)
        meta = written["metadata"]
        self._series[identity] = _Series(meta["name"], meta["namespace"], 1, now, now)
        self._series.move_to_end(identity)
        while len(self._series) > REMEMBERED:
            self._series.popitem(last=False)
        await self.api.create(written)

    def _manifest(self, regarding: Manifest, event: Event, at: datetime) -> dict[str, Any]:
        meta = regarding["metadata"]
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name'][:200]}.{uuid.uuid4().hex[:16]}", "namespace": meta["namespace"]},
            "eventTime": micro_time(at),
            "reportingController": self.controller,
            "reportingInstance": self.instance[:128],
            "action": event.reason,
            "reason": event.reason,
            "type": event.type,
            "note": shortened(event.message),
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
        }

    def _allowed(self, uid: str) -> bool:
        now = self.clock.monotonic()
        bucket = self._buckets.setdefault(uid, _Bucket(BURST, now))
        self._buckets.move_to_end(uid)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def shortened(note: str) -> str:
    """Return `note` within the API's limit of 1024 bytes, cut between characters."""
    raw = note.encode()
    if len(raw) <= NOTE_BYTES:
        return note
    return raw[: NOTE_BYTES - 3].decode(errors="ignore") + "…"
