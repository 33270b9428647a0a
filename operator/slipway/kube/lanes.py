"""Whose turn is it to be asked, when some servers are slow?

Every server has a lane of a few places, and all lanes together have a bounded number. A server that hangs fills its own
lane and nobody else's; where the bound is reached, lanes take turns, so that many questions to one server never stand
before one question to another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PER_LANE = 10
"""Half of what a Prometheus answers at a time by default (query.max-concurrency): others ask it too."""
IN_ALL = 60


class Busy(Exception):
    """No place became free in time."""


@dataclass
class _Lane:
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def wanted(self) -> bool:
        """Tell whether someone waits; those who gave up are dropped."""
        while self.waiting and self.waiting[0].done():
            self.waiting.popleft()
        return bool(self.waiting)


class Lanes:
    """Places to ask from, by server."""

    def __init__(self, per_lane: int = PER_LANE, in_all: int = IN_ALL) -> None:
        self._per_lane, self._in_all = per_lane, in_all
        self._lanes: dict[str, _Lane] = {}
        self._taken = 0

    @asynccontextmanager
    async def place(self, lane: str, patience: float) -> AsyncIterator[None]:
        """Hold a place in `lane`; raise `Busy` where none becomes free within `patience` seconds."""
        await self._take(lane, patience)
        try:
            yield
        finally:
            self._give(lane)

    async def _take(self, name: str, patience: float) -> None:
        lane = self._lanes.setdefault(name, _Lane())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        self._admit()
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._give(name)  # admitted in the very moment in which we gave up
            else:
                turn.cancel()
                self._tidy(name)
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise

    def _give(self, name: str) -> None:
        self._lanes[name].taken -= 1
        self._taken -= 1
        self._tidy(name)
        self._admit()

    def _tidy(self, name: str) -> None:
        lane = self._lanes.get(name)
        if lane is not None and not lane.taken and not lane.wanted():
            del self._lanes[name]

    def _admit(self) -> None:
        """Let those in whose turn it is: first the lane with the fewest places taken, then the one served last."""
        while self._taken < self._in_all:
            free = [name for name, lane in self._lanes.items() if lane.taken < self._per_lane and lane.wanted()]
            if not free:
                return
            name = min(free, key=lambda name: self._lanes[name].taken)
            lane = self._lanes.pop(name)
            self._lanes[name] = lane  # to the end: among equals, the next turn is another's
            lane.waiting.popleft().set_result(None)
            lane.taken += 1
            self._taken += 1
