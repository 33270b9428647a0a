"""How far is a long preparation? One line when a step begins, one when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print one line to stderr, so that stdout stays for answers."""
    print(text, file=sys.stderr, flush=True)


class Steps:
    """A numbered list of steps whose total is known from the start."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a step, run it, and say how long it took when that was noticeable."""
        self.number += 1
        label = f"[{self.number}/{self.total}]"
        say(f"{label} {text} ...")
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        if seconds >= 1:
            say(f"{label} done in {duration(seconds)}")


def duration(seconds: float) -> str:
    """Return `seconds` as people say it: `4 s`, `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
