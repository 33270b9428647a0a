"""Does a process keep to its time, its memory and its room on the disk?

Limits of the kernel bind a process's own memory and the size of one file. What it shares with nobody in memory that is
called shared, and how many files it writes, nobody limits but the pod, which then goes as a whole: with the answers
that did nothing wrong.
"""

from __future__ import annotations

import math
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOOK_SECONDS = 0.2
ENTRIES = 10_000
"""Files and folders that one process may make."""
BLOCK = 512
"""Bytes in which the kernel counts what a file takes."""

Reason = Literal["", "Time", "Memory", "Disk"]


@dataclass(frozen=True)
class Share:
    """What one process may take of its container."""

    memory_bytes: int
    disk_bytes: int


@dataclass
class Watch:
    """Looks at the process `pid`, which writes into `folder`, until it ends or is stopped."""

    pid: int
    folder: Path
    seconds: float
    share: Share
    reason: Reason = ""
    """Why it was stopped."""

    def look(self, ended: threading.Event, stop: Callable[[], None]) -> None:
        """Look until `ended`; call `stop` once, where there is reason."""
        until, identity = time.monotonic() + self.seconds, _identity(self.folder)
        size: float = 0
        while not ended.wait(LOOK_SECONDS):
            if time.monotonic() >= until:
                self.reason = "Time"
            elif held(self.pid) > self.share.memory_bytes:
                self.reason = "Memory"
            else:
                before, size = size, written(self.folder, self.pid)
                # A process that just ends may not let itself be looked at: one look without a number says nothing.
                over = min(before, size) if size == math.inf else size
                if over > self.share.disk_bytes or _identity(self.folder) != identity:
                    self.reason = "Disk"
            if self.reason:
                stop()
                return


def held(pid: int) -> int:
    """Return the bytes of memory that are of the process alone or were made by it to be shared."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(int(found.get(name, "0 kB").split()[0]) << 10 for name in ("RssAnon", "RssShmem"))


def written(folder: Path, pid: int) -> float:
    """Return the bytes that files take in `folder`, and those that `pid` has open and nobody sees any more.

    Infinite where there are too many to count, or where counting is prevented.
    """
    total = 0
    try:
        for number, entry in enumerate((*_unseen(pid), *_below(folder))):
            total += entry.st_blocks * BLOCK
            if number >= ENTRIES:
                return math.inf
    except OSError:
        return math.inf
    return total


def _below(folder: Path) -> Iterator[os.stat_result]:
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went while it was looked at


def _unseen(pid: int) -> Iterator[os.stat_result]:
    """Yield files that are open without a name: removed ones, and memory in the guise of a file."""
    try:
        for opened in os.listdir(f"/proc/{pid}/fd"):
            try:
                found = os.stat(f"/proc/{pid}/fd/{opened}")
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                yield found
    except (FileNotFoundError, ProcessLookupError):
        return


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
