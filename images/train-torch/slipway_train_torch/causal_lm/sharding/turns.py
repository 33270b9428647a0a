"""How do the processes of a pod do something one after the other, so that the memory it takes is taken once?"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "turn.lock"


@contextmanager
def turn(shared: Path) -> Iterator[None]:
    """Within, no other process with the folder `shared` is within. Do not wait for one there."""
    with (shared / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # the lock goes with the open file, and so with a process that dies
