"""What would a standby do if it led now?

It decides as the leader does and writes nothing. Whoever needs no write is known to be at rest, so that a replica which
begins to lead has only the others to look at: a bad candidate does not wait for thousands of good ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from slipway.kube.clock import Clock
from slipway.kube.executor import Executor
from slipway.kube.projection import is_going
from slipway.kube.queue import Priority, WorkQueue
from slipway.kube.reconciler import key_of
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Facts, Key, Manifest, Room

logger = logging.getLogger(__name__)


class Rehearsal:
    """Takes keys from the queue while another replica leads."""

    def __init__(
        self,
        rooms: Mapping[str, Room],
        store: Store,
        queue: WorkQueue,
        executor: Executor,
        clock: Clock,
        metrics: OperatorMetrics,
    ) -> None:
        self._rooms, self._store, self._queue = rooms, store, queue
        self._executor, self._clock, self._metrics = executor, clock, metrics
        self._at_rest: dict[Key, float | None] = {}
        """By key: when it wants to be looked at again (monotonic seconds; None: when something changes)."""

    async def until(self, leading: asyncio.Event) -> None:
        """Rehearse every key that comes, until `leading`."""
        waiter = asyncio.create_task(leading.wait())
        try:
            while not leading.is_set():
                turn = asyncio.create_task(self._queue.get())
                await asyncio.wait((turn, waiter), return_when=asyncio.FIRST_COMPLETED)
                if not turn.done():
                    turn.cancel()
                    return
                if (taken := turn.result()) is None:
                    await leading.wait()
                    return
                self._look(taken.key)
                self._queue.done(taken.key)
        finally:
            waiter.cancel()

    def perform(self, kind: str) -> int:
        """Queue every root of a kind that is not known to be at rest, and set the timers of those that are.

        Returns how many were queued.
        """
        queued = 0
        for root in self._store.all(kind) if kind in self._rooms else ():
            key = key_of(root)
            if key not in self._at_rest:
                self._queue.add(key, Priority.LOW)
                queued += 1
            elif (due := self._at_rest.pop(key)) is not None:
                self._queue.wake_after(key, max(due - self._clock.monotonic(), 0.0))
        return queued

    def _look(self, key: Key) -> None:
        self._at_rest.pop(key, None)
        root = self._store.get(key.kind, key.namespace, key.name)
        if root is None or is_going(root):
            return
        try:
            rests, due = self._rests(key, root)
        except Exception:  # the leader meets it too, and says so; this replica must stay able to take over
            logger.debug("rehearsal crashed", extra={"object": str(key)}, exc_info=True)
            return
        self._metrics.reconciles.labels(controller=key.kind, result="rehearsed").inc()
        if rests:
            self._at_rest[key] = due

    def _rests(self, key: Key, root: Manifest) -> tuple[bool, float | None]:
        room = self._rooms[key.kind]
        plan = room.plan(root, self._store, Facts(), self._clock.now())
        wait = plan.requeue_after
        due = self._clock.monotonic() + wait.total_seconds() if wait is not None else None
        return not plan.asks and self._executor.is_true(room, root, plan), due
