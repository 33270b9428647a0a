"""How much memory do a process and its children hold together, at the most?"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL_SECONDS = 0.2


@dataclass(frozen=True)
class Used:
    """What a command used from its start to its end."""

    seconds: float
    peak_mib: float


def measured(command: Sequence[str], log: Path, environment: Mapping[str, str], limit_seconds: float) -> Used:
    """Run `command` to its end and return what it used; raise RuntimeError with the end of `log` where it fails.

    Memory is that of the whole tree, pages that several hold counted once (PSS), as seen every 0.2 s.
    """
    peak, stopped = 0.0, threading.Event()

    def watch(pid: int) -> None:
        nonlocal peak
        while not stopped.wait(INTERVAL_SECONDS):
            peak = max(peak, sum(map(_pss_mib, tree(pid))))

    begun = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(environment))
        watcher = threading.Thread(target=watch, args=(process.pid,), daemon=True)
        watcher.start()
        try:
            code = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            for pid in reversed(tree(process.pid)):
                subprocess.run(["kill", "-9", str(pid)], check=False)
            code = process.wait()
        seconds = time.monotonic() - begun
        stopped.set()
        watcher.join()
    if code != 0:
        end = log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{command[0]} ended with code {code} after {seconds:.0f} s:\n{end}")
    return Used(seconds, peak)


def tree(pid: int) -> list[int]:
    """Return `pid` and the processes that it started, directly or not; parents come first."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in task.read_text().split())
            except OSError:
                continue
    return found


def _pss_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it has ended
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
