"""Was the pod asked to stop?"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):
    """A pod was asked to stop, and has kept the `done` pieces of its work."""

    def __init__(self, done: int) -> None:
        super().__init__(f"asked to stop after {done}, which are kept")
        self.done = done


class StopFlag:
    """Turns SIGTERM into a flag that a loop may look at; work in progress is never interrupted."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._since: float | None = None

    @classmethod
    def on_sigterm(cls) -> StopFlag:
        """Return a flag that SIGTERM (and Ctrl-C) raises. Call from the main thread."""
        flag = cls()
        signal.signal(signal.SIGTERM, flag._raise)
        signal.signal(signal.SIGINT, flag._raise)
        return flag

    @classmethod
    @contextmanager
    def meanwhile(cls) -> Iterator[StopFlag]:
        """Give such a flag until the end of the block; from then on SIGTERM does again what it did before."""
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield cls.on_sigterm()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        self.set()

    def set(self) -> None:
        """Ask to stop."""
        if self._since is None:
            self._since = time.monotonic()
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether stopping was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; tell whether stopping was asked for."""
        return self._event.wait(seconds)

    @property
    def seconds(self) -> float:
        """Seconds since stopping was asked for, 0 before."""
        return 0.0 if self._since is None else time.monotonic() - self._since
