"""What does a program say, and what memory and time of the cores do it and all its processes take together?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import cpu_seconds

EVERY_SECONDS = 0.25


@dataclass(frozen=True)
class Used:
    """What a program and all its processes took together."""

    peak_mib: float
    cpu_seconds: float
    """As of the last look at each process: of a short one, up to EVERY_SECONDS are missed."""


def watched(command: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> tuple[dict[str, Any], Used]:
    """Run `command` in `folder`; return the JSON object that is its last line, and what it took."""
    peak = 0.0
    cpu: dict[int, float] = {}
    with subprocess.Popen(list(map(str, command)), env=dict(env), cwd=folder, stdout=subprocess.PIPE) as process:
        try:
            while True:
                try:
                    said, _ = process.communicate(timeout=EVERY_SECONDS)
                except subprocess.TimeoutExpired:
                    pids = list(family(process.pid))
                    peak = max(peak, sum(map(shared_mib, pids)))
                    for pid in pids:
                        with suppress(OSError):  # it ended since
                            cpu[pid] = cpu_seconds(pid)
                else:
                    break
        except BaseException:  # whoever interrupts the bench ends it whole
            for pid in list(family(process.pid)):
                with suppress(ProcessLookupError):  # it ended between two looks
                    os.kill(pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise SystemExit(f"{command[2]} ended with code {process.returncode}; what it said is above")
    answer: dict[str, Any] = json.loads(said.splitlines()[-1])
    return answer, Used(peak, sum(cpu.values()))


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:  # it ended between two looks
            continue
        for child in children:
            yield from family(int(child))


def shared_mib(pid: int) -> float:
    """Return the resident memory of a process, pages that it shares with others divided among them; 0 once it ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
