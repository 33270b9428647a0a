"""Which root is looked at next?"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from slipway.plan import Key

FIRST_DELAY = 0.005
LONGEST_DELAY = 300.0


class Priority(IntEnum):
    """Smaller goes first."""

    HIGH = 0  # answers that a verdict waits for
    NORMAL = 1
    LOW = 2  # initial lists and resyncs: everybody at once


class Taken(NamedTuple):
    """A key whose turn has come."""

    key: Key
    waited: float
    """Seconds."""
    priority: Priority


@dataclass
class _Waiting:
    priority: Priority
    order: int
    since: float


class Backlog:
    """The queue's rules without a clock of their own: every key at most once, never two workers on one key.

    A key that is added while it is worked on is looked at once more afterwards. A key has at most one timer, and a new
    plan replaces it: what the old plan wanted to wake up for, the new one has considered. A key may rest for a while;
    then nothing wakes it but what has the highest priority.
    """

    def __init__(self, jitter: Callable[[], float] = random.random, on_push: Callable[[], None] = lambda: None) -> None:
        self._jitter = jitter
        self._on_push = on_push
        self._order = 0
        self._ready: list[tuple[Priority, int, Key]] = []
        self._waiting: dict[Key, _Waiting] = {}
        self._working: dict[Key, tuple[Priority, float]] = {}
        self._dirty: dict[Key, tuple[Priority, float]] = {}
        self._timers: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._resting: dict[Key, float] = {}

    def __len__(self) -> int:
        """Return the number of keys that wait to be taken now."""
        return len(self._waiting)

    def crowded(self, priority: Priority) -> bool:
        """Tell whether a key of at least `priority` waits to be taken, or two are worked on."""
        self._forget_raised()
        if self._ready and self._ready[0][0] <= priority:
            return True
        return sum(one <= priority for one, _ in self._working.values()) > 1

    @property
    def working(self) -> int:
        """Return the number of keys being worked on."""
        return len(self._working)

    def add(self, key: Key, now: float, priority: Priority = Priority.NORMAL) -> None:
        """Look at `key` as soon as possible; the higher of two priorities counts."""
        if key in self._working:
            before = self._dirty.get(key)
            self._dirty[key] = (min(priority, before[0]), before[1]) if before else (priority, now)
            return
        waiting = self._waiting.get(key)
        if waiting is not None:
            if priority < waiting.priority:
                self._push(key, priority, waiting.since)
        elif priority is Priority.HIGH or self._resting.get(key, now) <= now:
            self._push(key, priority, now)
        else:
            self._wake_rested(key)

    def wake_at(self, key: Key, when: float | None) -> None:
        """Look at `key` at `when`, instead of at the time set before; None sets no time."""
        if when is None:
            self._timers.pop(key, None)
            return
        self._timers[key] = when
        heapq.heappush(self._heap, (when, key))
        if len(self._heap) > 2 * len(self._timers) + 64:  # replaced timers stay in the heap until then
            self._heap = [(when, key) for key, when in self._timers.items()]
            heapq.heapify(self._heap)

    def fail(self, key: Key, now: float, at_least: float = 0.0) -> float:
        """Look at `key` again after a growing, jittered delay; return the delay."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        longest: float = min(FIRST_DELAY * 2 ** min(count, 30), LONGEST_DELAY)
        delay = max(at_least, longest * (0.5 + 0.5 * self._jitter()))
        self.wake_at(key, now + delay)
        return delay

    def forgive(self, key: Key) -> None:
        """Start the next series of failures with the shortest delay."""
        self._failures.pop(key, None)

    def failures(self, key: Key) -> int:
        """Return how often `key` failed in a row."""
        return self._failures.get(key, 0)

    def next_due(self) -> float | None:
        """Return when the next timer fires."""
        while self._heap and self._timers.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire(self, now: float) -> None:
        """Make the keys whose time has come ready."""
        while (due := self.next_due()) is not None and due <= now:
            _, key = heapq.heappop(self._heap)
            del self._timers[key]
            self.add(key, now)

    def take(self, now: float) -> Taken | None:
        """Return the next key, and count it as being worked on."""
        self.fire(now)
        self._forget_raised()
        if not self._ready:
            return None
        priority, _, key = heapq.heappop(self._ready)
        waiting = self._waiting.pop(key)
        self._working[key] = (priority, now)
        self._resting.pop(key, None)
        return Taken(key, now - waiting.since, priority)

    def done(self, key: Key, now: float, rest: float = 0.0) -> float:
        """Release `key`, look at it again if it was added meanwhile; return how long the work took.

        For `rest` seconds it is not looked at again, unless with the highest priority.
        """
        _, started = self._working.pop(key)
        again = self._dirty.pop(key, None)
        rests = now + rest > now
        if rests:
            self._resting[key] = now + rest
        if again is not None and rests and again[0] is not Priority.HIGH:
            self._wake_rested(key)
        elif again is not None:
            self._push(key, *again)
        return now - started

    def _wake_rested(self, key: Key) -> None:
        until = self._resting[key]
        self.wake_at(key, min(until, self._timers.get(key, until)))

    def _forget_raised(self) -> None:
        """Drop from the front what was raised to a higher priority since, and stands there a second time."""
        while self._ready:
            priority, order, key = self._ready[0]
            waiting = self._waiting.get(key)
            if waiting is not None and (waiting.priority, waiting.order) == (priority, order):
                return
            heapq.heappop(self._ready)

    def _push(self, key: Key, priority: Priority, since: float) -> None:
        self._order += 1
        self._on_push()
        self._waiting[key] = _Waiting(priority, self._order, since)
        heapq.heappush(self._ready, (priority, self._order, key))


class WorkQueue:
    """A `Backlog` that workers can wait on, on the event loop's clock."""

    def __init__(self, backlog: Backlog | None = None) -> None:
        self.backlog = backlog or Backlog()
        self._news = asyncio.Event()
        self._closed = False

    def add(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """See `Backlog.add`."""
        self.backlog.add(key, self._now(), priority)
        self._news.set()

    def wake_after(self, key: Key, seconds: float | None) -> None:
        """Look at `key` after `seconds`, instead of at the time set before; None sets no time."""
        self.backlog.wake_at(key, None if seconds is None else self._now() + seconds)
        self._news.set()

    def fail(self, key: Key, at_least: float = 0.0) -> float:
        """See `Backlog.fail`."""
        delay = self.backlog.fail(key, self._now(), at_least)
        self._news.set()
        return delay

    async def get(self) -> Taken | None:
        """Wait for the next key; return None once the queue is closed.

        Others have their turn first. Thousands of keys that need no write would else follow each other without a pause,
        and meanwhile no Lease is renewed, no answer heard and no probe answered.
        """
        await asyncio.sleep(0)
        while not self._closed:
            if taken := self.backlog.take(self._now()):
                return taken
            due = self.backlog.next_due()
            self._news.clear()
            try:
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            except TimeoutError:
                continue
        return None

    def done(self, key: Key, rest: float = 0.0) -> float:
        """See `Backlog.done`."""
        seconds = self.backlog.done(key, self._now(), rest)
        self._news.set()
        return seconds

    def close(self) -> None:
        """Give out no more keys."""
        self._closed = True
        self._news.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
