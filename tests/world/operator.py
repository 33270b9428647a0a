"""How does one operator process live and die, without an event loop?

The real Reconciler, Executor, Store, Router, Backlog and Room, driven as a coroutine in virtual time. Only what waits
is replaced: the API connection, the queue's sleep, and the tasks that fetch answers.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from slipway.kube.engine import CAUGHT_UP
from slipway.kube.executor import Executor
from slipway.kube.leader import LeadershipLost
from slipway.kube.queue import Backlog, Priority
from slipway.kube.reconciler import Reconciler, Router, key_of
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Answer, Ask, Event, Facts, Key, Manifest
from tests.world.apiserver import Connection, Crash, Wait

if TYPE_CHECKING:
    from tests.world.world import World

METRICS = OperatorMetrics()
ROOTS = ("ModelVersion", "Rollout")
WATCHED = (
    *ROOTS,
    "ConfigMap",
    "ControllerRevision",
    "Deployment",
    "EndpointSlice",
    "HTTPRoute",
    "Job",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "Service",
)
EPOCH = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Queue:
    """The work queue's interface over a real `Backlog`; waiting suspends the worker until it is woken."""

    def __init__(self, world: World, woken: Callable[[], None], done: Callable[[bool], None]) -> None:
        self.backlog = Backlog(jitter=lambda: 0.5)
        self._world, self._woken, self._done = world, woken, done

    def add(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        self.backlog.add(key, self._world.now, priority)
        self._woken()

    def wake_after(self, key: Key, seconds: float | None) -> None:
        self.backlog.wake_at(key, None if seconds is None else self._world.now + seconds)
        self._woken()

    def fail(self, key: Key, at_least: float = 0.0) -> float:
        delay = self.backlog.fail(key, self._world.now, at_least)
        self._woken()
        return delay

    async def get(self) -> tuple[Key, float]:
        while True:
            if (taken := self.backlog.take(self._world.now)) is not None:
                return taken
            await Wait(None)

    def done(self, key: Key, rest: float = 0.0) -> float:
        self._done(self.backlog.failures(key) == 0)
        return self.backlog.done(key, self._world.now, rest)


class Answers:
    """The interface of `Asks`: open questions are answered by the world's Prometheus some time after they are due."""

    def __init__(self, world: World, now: Callable[[], datetime], answered: Callable[[Key], None]) -> None:
        self._world, self._now, self._answered = world, now, answered
        self._open: dict[str, Ask] = {}
        self._found: dict[str, Answer] = {}

    def facts(self, key: Key) -> Facts:
        return Facts(dict(self._found))

    def update(self, key: Key, asks: Sequence[Ask]) -> None:
        wanted = {ask.id: ask for ask in asks}
        self._open = {id: ask for id, ask in self._open.items() if wanted.get(id) == ask}
        self._found = {id: answer for id, answer in self._found.items() if id in wanted}
        for id, ask in wanted.items():
            if id not in self._open and id not in self._found:
                self._open[id] = ask
                wait = 0.0 if ask.at is None else max(0.0, (ask.at - self._now()).total_seconds())
                self._world.after(wait, self._ask, key, ask)

    def forget(self, key: Key) -> None:
        self.update(key, ())

    def _ask(self, key: Key, ask: Ask) -> None:
        if self._open.get(ask.id) == ask:
            self._world.after(self._world.prometheus.takes(ask.id), self._find, key, ask)

    def _find(self, key: Key, ask: Ask) -> None:
        if self._open.get(ask.id) == ask:
            del self._open[ask.id]
            self._found[ask.id] = self._world.prometheus.answer(ask)
            self._answered(key)


class Operator:
    """One process: it hears of changes with a lag, and writes when it leads."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.alive, self.leads = True, False
        self.deaf_until = 0.0
        """Watches are broken until then; a new list follows."""
        self.connection = Connection(world.cluster, self._wrote)
        self.reconciles = 0
        self.failed_calls = 0
        self.store = Store(self._changed)
        self.queue = Queue(world, self._wake, self._reconciled)
        self.asks = Answers(world, self.now, lambda key: self.queue.add(key, Priority.HIGH))
        self.executor = Executor(self.connection, self.store, self, self, METRICS, self._fence)  # type: ignore[arg-type]
        self.reconciler = Reconciler(
            {"Rollout": self}, self.store, self.queue, self.executor, self.asks, self, METRICS  # type: ignore[arg-type, dict-item]
        )  # fmt: skip
        self._router = Router({"Rollout": world.room}, self.store, self.queue)  # type: ignore[arg-type]
        self._began = False
        self._work: Coroutine[Any, Any, None] | None = None
        self._wakes_at: float | None = None
        self._suspended = False
        self._heard: dict[str, float] = {}
        self.list_all()
        world.cluster.listeners.append(self._news)

    # Clock, as the reconciler sees it: the calendar may jump, the monotonic clock never does.

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.world.now + self.world.clock_offset)

    def monotonic(self) -> float:
        return self.world.now

    # Room, with a look at every plan

    @property
    def kind(self) -> str:
        return "Rollout"

    @property
    def owns(self) -> frozenset[str]:
        return self.world.room.owns

    def plan(self, root: Manifest, view: Store, facts: Facts, now: datetime) -> Any:
        self.reconciles += 1
        try:
            plan = self.world.room.plan(root, view, facts, now)
        except Exception as error:  # the reconciler would retry it for ever
            self.world.rules.broken("total", f"the room raised {type(error).__name__}: {error}")
            raise
        self.world.rules.planned(self, root, plan, facts, now)
        return plan

    def _reconciled(self, succeeded: bool) -> None:
        if self.alive and succeeded and not self.connection.crashed:
            self.world.rules.reconciled(self)

    # Recorder

    def record(self, regarding: Manifest, event: Event) -> None:
        if self.alive:
            self.world.rules.told(self, regarding, event)

    # Life

    def lead(self) -> None:
        """Begin to write, as the holder of the Lease does: from new lists, and all other children as heard."""
        self.leads = True
        self.list_all((*ROOTS, *CAUGHT_UP))
        self._began = True
        for root in list(self.store.all("Rollout")):
            self.queue.add(key_of(root), Priority.LOW)
        self._wake()

    def die(self) -> None:
        """End as SIGKILL does."""
        self.alive = self.leads = False
        if self._news in self.world.cluster.listeners:
            self.world.cluster.listeners.remove(self._news)
        if self._work is not None and not self._work.cr_running:
            self._work.close()

    def list_all(self, kinds: Sequence[str] = WATCHED) -> None:
        """Hear of all objects of `kinds` as they are now."""
        listed: set[str] = set()
        cluster = self.world.cluster
        for id, obj in list(cluster.objects.items()):
            if id[0] in kinds:
                listed.add(obj["metadata"]["uid"])
                self.store.put(obj)
        for kind in kinds:
            for gone in self.store.missing(kind, None, listed, cluster.version):
                meta = gone["metadata"]
                self.store.discard(kind, meta["namespace"], meta["name"], meta["uid"], cluster.version)

    # News

    def _news(self, type: str, obj: dict[str, Any]) -> None:
        kind = obj["kind"]
        if kind not in WATCHED or not self.alive:
            return
        now = self.world.now
        if self.deaf_until > now:
            return
        lag = self.world.watch_lag(self.name, kind, obj["metadata"]["resourceVersion"])
        self._heard[kind] = max(now + lag, self._heard.get(kind, 0.0))  # one stream keeps its order
        self.world.at(self._heard[kind], self._hear, type, obj)

    def _hear(self, type: str, obj: dict[str, Any]) -> None:
        if not self.alive or self.deaf_until > self.world.now:
            return
        meta = obj["metadata"]
        if type == "DELETED":
            version = int(meta["resourceVersion"])
            self.store.discard(obj["kind"], meta["namespace"], meta["name"], meta["uid"], version)
        else:
            self.store.put(obj)

    def lose_watches(self, seconds: float) -> None:
        """Hear nothing for a while, then list anew."""
        self.deaf_until = self.world.now + seconds
        self.world.at(self.deaf_until, self._hear_again, self.deaf_until)

    def _hear_again(self, until: float) -> None:
        if self.alive and self.deaf_until == until:
            self.list_all()

    def _changed(self, change: Any) -> None:
        if hasattr(self, "_router"):
            self._router(change)

    # Work

    def _wrote(self, verb: str, obj: Manifest) -> None:
        self.world.rules.wrote(self, verb, obj)

    def _fence(self) -> None:
        if not self.leads:
            raise LeadershipLost("the Lease is another's")

    def _wake(self) -> None:
        """Let the worker look at the queue when something is ready, or when the next timer fires."""
        if not self._began or self._suspended or not self.alive:
            return
        backlog = self.queue.backlog
        when = self.world.now if len(backlog) else backlog.next_due()
        if when is not None and (self._wakes_at is None or when < self._wakes_at):
            self._wakes_at = when
            self.world.at(when, self._turn, when)

    def _turn(self, when: float) -> None:
        if self._wakes_at != when or not self.alive:
            return
        self._wakes_at = None
        if not self._suspended:
            self._drive()

    def _drive(self) -> None:
        self._suspended = False
        if not self.alive:
            return
        if self._work is None:
            self._work = self.reconciler.work()
        try:
            seconds = self._work.send(None)
        except (Crash, LeadershipLost) as error:
            self.die()
            self.world.operator_died(self, type(error).__name__)
            return
        if seconds is None:
            self._wake()
        else:
            self._suspended = True
            self.world.after(seconds, self._drive)
