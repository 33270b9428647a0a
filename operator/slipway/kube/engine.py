"""In which order does the operator start, lead and stop?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.kube.api import KubeApi
from slipway.kube.asks import Asker, Asks
from slipway.kube.clock import Clock
from slipway.kube.events import Recorder
from slipway.kube.executor import Executor
from slipway.kube.http import Health, Listener
from slipway.kube.leader import Elector, LeadershipLost
from slipway.kube.progress import ProgressServer, Writer
from slipway.kube.queue import Backlog, Priority, WorkQueue
from slipway.kube.reconciler import Reconciler, Router
from slipway.kube.reflector import Reflector
from slipway.kube.rehearsal import Rehearsal
from slipway.kube.resources import CHILD_KINDS
from slipway.kube.resync import Resync
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.names import UID_LABEL
from slipway.plan import Manifest, Room

logger = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILED, EXIT_LOST = 0, 1, 3
DRAIN_SECONDS = 20.0
FLUSH_SECONDS = 3.0
CAUGHT_UP = frozenset({"EndpointSlice", "HTTPRoute"})
"""Children that must not be older than the roots. A status speaks of the endpoints that its writer saw: who has not
heard of them yet would call them lost, and take a share back. A route may bear a verdict that its writer did not live
to put into the status: who has not heard of it would give the share again. News of others can wait for their watch."""


@dataclass(frozen=True)
class Options:
    """What an installation decides about the engine."""

    identity: str
    namespace: str
    watch_namespaces: tuple[str, ...] = ()
    lease_name: str = "slipway-operator"
    workers: int = 16
    resync_seconds: float = 1800.0
    http_port: int | None = 8080
    """None opens no port."""
    progress_port: int | None = 8081


class Roots(Protocol):
    """Whatever watches the four kinds: kopf, in production."""

    async def run(self) -> None:
        """Watch until `stop`."""

    def stop(self) -> None:
        """End the watch."""


RootsOf = Callable[[Store, Callable[[str, str | None], None]], Roots]


class Engine:
    """One operator process: watches always, writes while it leads, and says so when it cannot go on."""

    def __init__(
        self,
        api: KubeApi,
        lease_api: KubeApi,
        rooms: Mapping[str, Room],
        asker: Asker,
        roots: RootsOf,
        options: Options,
        clock: Clock,
        metrics: OperatorMetrics,
        on_lost: Callable[[], None] = lambda: None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._options, self._on_lost, self._on_ready = options, on_lost, on_ready
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: list[tuple[str, BaseException]] = []
        self._interrupt = asyncio.Event()
        self._ready = False
        self.metrics = metrics
        self.store = Store()
        self.queue = WorkQueue(Backlog(on_push=metrics.queue_adds.inc))
        self.router = Router(rooms, self.store, self.queue)
        self.store.on_change = self.router
        self.recorder = Recorder(api, clock, metrics, options.identity)
        self.elector = Elector(
            lease_api, clock, options.identity, options.namespace, options.lease_name, on_change=self._say_lost
        )
        self.asks = Asks(asker, clock, metrics, lambda key: self.queue.add(key, Priority.HIGH))
        executor = Executor(api, self.store, self.recorder, clock, metrics, self.elector.fence)
        self.rehearsal = Rehearsal(rooms, self.store, self.queue, executor, clock, metrics)
        self.reconciler = Reconciler(rooms, self.store, self.queue, executor, self.asks, clock, metrics)
        self.resync = Resync(api, self.store, clock, metrics, options.watch_namespaces, period=options.resync_seconds)
        spaces: Sequence[str | None] = options.watch_namespaces or (None,)
        self.reflectors = [
            Reflector(api, self.store, clock, metrics, kind, namespace, selector=UID_LABEL)
            for kind in CHILD_KINDS
            for namespace in spaces
        ]
        self.roots = roots(self.store, self.resync.heard)
        self.writer = Writer(api, self.store, clock)
        self.health = Health(clock, metrics, self.watch_ages, lambda: self._ready, self._unsynced, self._led)
        progress = ProgressServer(api, self.store, clock, metrics, self.writer, lambda: self._ready)
        self._listeners = [
            Listener(app, port)
            for app, port in ((self.health.app(), options.http_port), (progress.app(), options.progress_port))
            if port is not None
        ]
        metrics.watch_ages(self.watch_ages)
        metrics.store_sizes(self.store.sizes)
        metrics.queue_depth.set_function(lambda: len(self.queue.backlog))
        self._say_leads(0)

    @property
    def ready(self) -> bool:
        """Whether every kind has been listed completely."""
        return self._ready

    def watch_ages(self) -> dict[str, float]:
        """Return the seconds since each kind's watch last gave a sign of life, the oldest where there are several."""
        ages = self.resync.ages()
        for reflector in self.reflectors:
            ages[reflector.kind] = max(reflector.age(), ages.get(reflector.kind, 0.0))
        return ages

    async def run(self, stop: asyncio.Event) -> int:
        """Work until `stop` is set or something that must not fail has failed; return the exit code."""
        for listener in self._listeners:
            await listener.start()
        self._spawn("health", self.health.run())
        self._spawn("rise", self._rise(), endless=False)
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._interrupt.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return self._verdict()
        finally:
            await _cancel(waits)
            await self._descend()

    async def _rise(self) -> None:
        """Watch everything, wait until the picture is complete, then wait for the Lease and begin to work."""
        for reflector in self.reflectors:
            self._spawn(f"reflector {reflector.kind} {reflector.namespace or ''}", reflector.run())
        await self.resync.take_all()
        self._spawn("kopf", self.roots.run())
        for reflector in self.reflectors:
            await reflector.synced.wait()
        self._on_ready()
        self._ready = True
        self.router.priority = Priority.NORMAL
        logger.info("ready", extra={"objects": self.store.sizes()})
        self._spawn("resync", self.resync.run())
        self._spawn("elector", self.elector.run())
        await self.rehearsal.until(self.elector.leading)
        # The last leader may have decided something a moment ago; start from what it wrote, not from what we heard.
        self._spawn("recorder", self.recorder.run())
        kinds = self.resync.taken()
        children = (one.catch_up() for one in self.reflectors if one.kind in CAUGHT_UP)
        first, *_ = await asyncio.gather(anext(kinds), *children)  # nobody writes meanwhile: any order will do
        self._work(first)
        async for kind in kinds:
            self._work(kind)
        self._say_leads(1)

    def _work(self, kind: str) -> None:
        """Queue what is to be decided of a kind that is caught up with; let workers begin, unless they have."""
        queued = self.rehearsal.perform(kind)
        logger.info("caught up", extra={"kind": kind, "to_decide": queued})
        for number in range(self._options.workers):
            if (name := f"worker {number}") not in self._tasks:
                self._spawn(name, self.reconciler.work())

    def _verdict(self) -> int:
        if not self._failures:
            logger.info("stopping")
            return EXIT_OK
        for name, failure in self._failures:
            logger.critical("a part of the operator failed", extra={"part": name}, exc_info=failure)
        lost = any(isinstance(failure, LeadershipLost) for _, failure in self._failures)
        return EXIT_LOST if lost else EXIT_FAILED

    async def _descend(self) -> None:
        """Finish what is in flight, then give up the Lease, then everything else; kopf last (see `RootWatch`)."""
        self._ready = False
        self.queue.close()
        workers = [task for name, task in self._tasks.items() if name.startswith("worker")]
        if workers and self.elector.leading.is_set():
            await asyncio.wait(workers, timeout=DRAIN_SECONDS)
        await _cancel(workers)
        await self.asks.close()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.recorder.flush()
        except TimeoutError:
            logger.warning("some events were not recorded")
        for name in ("elector", "recorder", "resync", "rise"):
            await _cancel([task for task in (self._tasks.get(name),) if task])
        await self.writer.close()
        for listener in self._listeners:
            await listener.stop()
        kopf = self._tasks.pop("kopf", None)
        await _cancel(list(self._tasks.values()))
        if kopf is not None:
            self.roots.stop()
            await asyncio.wait([kopf], timeout=10)
            await _cancel([kopf])

    def _led(self, kind: str) -> Iterable[Manifest]:
        """Return the objects of `kind` that this process acts for."""
        return self.store.all(kind) if self.elector.leading.is_set() else ()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None], *, endless: bool = True) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda done: self._ended(name, done, endless))
        self._tasks[name] = task

    def _ended(self, name: str, task: asyncio.Task[None], endless: bool) -> None:
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        if failure is None and not endless:
            return
        if isinstance(failure, LeadershipLost):
            self._on_lost()  # at once: every moment that this process lives on, another one may be writing
        self._failures.append((name, failure or RuntimeError("it ended by itself")))
        self._interrupt.set()

    def _say_lost(self, leading: bool) -> None:
        if not leading:  # one that got the Lease says so when it has caught up
            self._say_leads(0)

    def _say_leads(self, leads: int) -> None:
        self.metrics.leader.labels(name=self._options.lease_name).set(leads)

    def _unsynced(self) -> str:
        waiting = sorted({reflector.kind for reflector in self.reflectors if not reflector.synced.is_set()})
        return ", ".join(waiting) or "the four kinds"


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
