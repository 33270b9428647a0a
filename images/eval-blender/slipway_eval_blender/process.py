"""How does a process run that may hang, crash, or ask for all the memory there is?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENOUGH_OF_ITS_LIMIT = 0.8
"""A process that dies after using this share of its memory died of that."""
OUTPUT = 4096


@dataclass(frozen=True)
class End:
    """How a process ended."""

    code: int
    """As wait tells it: negative is the signal that killed it."""
    timed_out: bool
    out_of_memory: bool
    output: str
    """The end of what it said."""

    @property
    def words(self) -> str:
        """How it ended, for people."""
        if self.timed_out:
            return "it was still running when its time was up"
        if self.out_of_memory:
            return "it ran out of memory"
        if self.code < 0:
            return f"Blender was killed by {_signal(-self.code)}"
        return f"Blender ended with code {self.code}"


def run(module: str, folder: Path, seconds: float, memory_bytes: int) -> End:
    """Run `python -m module folder` in `folder` and return how it ended; nothing of it is left running.

    It gets no environment but what Python and Blender need, and no standard input. Two threads at most compute: a node
    of many cores would else start a hundred of them for one cube.
    """
    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
        )
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child.pid)

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        finally:
            timer.cancel()
            _kill(child.pid)  # of its group: what it started, if anything could be started
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    full = used.ru_maxrss * 1024 > memory_bytes * ENOUGH_OF_ITS_LIMIT
    # The kernel ends a process whose CPU seconds are used up by SIGXCPU, and one that ignores that by SIGKILL.
    late_signals = (signal.SIGXCPU, signal.SIGALRM, *(() if full else (signal.SIGKILL,)))
    timed_out = late.is_set() or -code in late_signals
    starved = code != 0 and not timed_out and full
    return End(code, timed_out, starved, _tail(folder / "output.txt"))


def environment(folder: Path) -> Mapping[str, str]:
    """Return the whole environment of a process whose own folder is `folder`."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BLENDER_USER_RESOURCES": str(folder),
        "OMP_NUM_THREADS": "2",
    }


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _tail(path: Path) -> str:
    with path.open("rb") as written:
        written.seek(max(0, path.stat().st_size - OUTPUT))
        return written.read().decode(errors="replace").strip()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
