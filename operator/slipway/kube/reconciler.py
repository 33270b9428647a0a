"""What happens when a key's turn comes?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from slipway.kube.api import ApiError
from slipway.kube.asks import Asks
from slipway.kube.clock import Clock
from slipway.kube.executor import Executor, Outcome, Stale
from slipway.kube.leader import LeadershipLost
from slipway.kube.pace import Pace
from slipway.kube.projection import is_going, root_uid
from slipway.kube.queue import Priority, WorkQueue
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.store import Change, Store
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Key, Manifest, Plan, Room
from slipway.relations import claims

logger = logging.getLogger(__name__)


def key_of(root: Manifest) -> Key:
    """Return the key of a root object."""
    return Key(root["kind"], root["metadata"]["namespace"], root["metadata"]["name"])


class Router:
    """Turns changes in the store into keys in the queue."""

    def __init__(self, rooms: Mapping[str, Room], store: Store, queue: WorkQueue) -> None:
        self._rooms, self._store, self._queue = rooms, store, queue
        self.priority = Priority.LOW
        """Of news: low until the first lists are complete."""

    def __call__(self, change: Change) -> None:
        """Add every key that `change` concerns."""
        subject = change.subject
        if subject["kind"] not in ROOT_KINDS:
            uid = root_uid(subject)
            self._add(self._store.root(uid) if uid else None)
            return
        if not change.considered:
            self._add(subject)
        for rival in self._rivals(change):
            self._add(rival)
        before = change.before if change.after is not None else None
        for room in self._rooms.values():
            for key in room.wakes(subject, self._store, before):
                self._queue.add(key, self.priority)

    def _rivals(self, change: Change) -> Iterator[Manifest]:
        """Yield the roots of the same kind that claim what the changed one claims, or gave up."""
        before, after = (claims(root) if root is not None else frozenset() for root in (change.before, change.after))
        if before == after:
            return  # a new status concerns nobody else: two that claim the same would wake each other for ever
        kind, meta = change.subject["kind"], change.subject["metadata"]
        for claim in before | after:
            others = self._store.related(kind, meta["namespace"], claim)
            yield from (other for other in others if other["metadata"]["uid"] != meta["uid"])

    def _add(self, root: Manifest | None) -> None:
        if root is not None and root["kind"] in self._rooms:
            self._queue.add(key_of(root), self.priority)


class Reconciler:
    """Takes keys from the queue, asks their room for a plan, and has it executed. Any number of workers may run."""

    def __init__(
        self,
        rooms: Mapping[str, Room],
        store: Store,
        queue: WorkQueue,
        executor: Executor,
        asks: Asks,
        clock: Clock,
        metrics: OperatorMetrics,
    ) -> None:
        self._rooms, self._store, self._queue = rooms, store, queue
        self._executor, self._asks = executor, asks
        self._clock, self._metrics = clock, metrics
        self._pace = Pace()

    async def work(self) -> None:
        """Reconcile keys until the queue is closed."""
        while (taken := await self._queue.get()) is not None:
            key = taken.key
            self._metrics.queue_seconds.observe(taken.waited)
            self._metrics.active_workers.inc()
            result, rest = "error", 0.0
            try:
                result, outcome = await self._attempt(key, taken.priority)
                rest = outcome.rest
                if outcome.writes and taken.priority is not Priority.HIGH:
                    rest = max(rest, self._rest(key))  # answers come no faster than they are asked for
            finally:
                self._metrics.active_workers.dec()
                seconds = self._queue.done(key, rest)
                self._metrics.work_seconds.observe(seconds)
                self._metrics.reconcile_seconds.labels(controller=key.kind).observe(seconds)
                self._metrics.reconciles.labels(controller=key.kind, result=result).inc()

    async def _attempt(self, key: Key, priority: Priority) -> tuple[str, Outcome]:
        """Reconcile once; return the result's name and what it came to."""
        plan: Plan | None = None
        try:
            root = self._store.get(*_parts(key))
            if root is None or is_going(root):
                self._release(key, gone=root is None)
                return "success", Outcome(0)
            room = self._rooms[key.kind]
            plan = room.plan(root, self._store, self._asks.facts(key), self._clock.now())
            asks = plan.asks
            outcome = await self._executor.execute(
                key,
                room,
                root,
                plan,
                lambda: self._asks.update(key, asks),
                lambda: self._queue.backlog.crowded(priority),
            )
        except Stale:
            self._retry(key, plan, 0.0)
            return "requeue", Outcome(1)
        except LeadershipLost:
            raise
        except ApiError as error:
            delay = self._retry(key, plan, error.retry_after or 0.0)
            self._metrics.reconcile_errors.labels(controller=key.kind).inc()
            logger.warning(
                "reconcile failed",
                extra={"object": str(key), "error": str(error), "type": type(error).__name__, "retry_seconds": delay},
            )
            return "error", Outcome(0)
        except Exception:
            delay = self._retry(key, plan, 0.0)
            self._metrics.reconcile_errors.labels(controller=key.kind).inc()
            logger.exception("reconcile crashed", extra={"object": str(key), "retry_seconds": delay})
            return "error", Outcome(0)
        self._queue.backlog.forgive(key)
        wait = _earliest(_seconds(plan), outcome.look_again_after)
        self._queue.wake_after(key, wait)
        return "success" if wait is None else "requeue_after", outcome

    def _rest(self, key: Key) -> float:
        rest = self._pace.rest(key, self._clock.monotonic())
        if rest:
            logger.warning("a root writes without end; slowed down", extra={"object": str(key)})
        return rest

    def _retry(self, key: Key, plan: Plan | None, at_least: float) -> float:
        """Try again after a back-off, but no later than the plan wanted to wake: verdicts must not wait for it."""
        self._metrics.queue_retries.inc()
        delay = self._queue.fail(key, at_least)
        wished = _seconds(plan) if plan is not None else None
        if wished is not None and at_least <= wished < delay:
            self._queue.wake_after(key, wished)
            return wished
        return delay

    def _release(self, key: Key, *, gone: bool) -> None:
        self._queue.wake_after(key, None)
        self._queue.backlog.forgive(key)
        self._asks.forget(key)
        if gone:
            self._executor.forget(key)
            self._pace.forget(key)


def _parts(key: Key) -> tuple[str, str, str]:
    return key.kind, key.namespace, key.name


def _seconds(plan: Plan) -> float | None:
    return plan.requeue_after.total_seconds() if plan.requeue_after is not None else None


def _earliest(*waits: float | None) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)
