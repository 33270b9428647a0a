"""How do tests of timers run in no time? The loop's clock jumps to the next timer whenever nothing else is to do."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

P = ParamSpec("P")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BUSY = 300_000
"""Turns of the loop without a tick after which a test is called a busy loop."""


class _Selector(selectors.DefaultSelector):
    """Never waits: what would be waited for is added to the clock."""

    loop: VirtualLoop
    turns = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            self.turns += 1
            assert self.turns < BUSY, f"busy loop: {BUSY} turns without time passing"
            return ready
        assert timeout is not None, "everybody waits and no timer is set: a deadlock"
        self.turns = 0
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds cost nothing."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class VirtualClock:
    """The loop's clock, with a calendar that starts at `EPOCH`."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())


def virtual(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a `VirtualLoop`."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))  # type: ignore[arg-type]

    return run
