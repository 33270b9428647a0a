"""How does a process run that may hang, crash, or ask for all the memory there is?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from slipway import contract
from slipway_eval_blender.watch import Share, Watch

ENOUGH_OF_ITS_LIMIT = 0.8
"""A process that dies after using this share of its memory died of that."""
OUTPUT = 4096
TOLD = 1 << 16
"""Bytes of what a process tells on its way that are read: as much as a pipe holds. Who tells more waits in vain."""
CODE = (str(Path(contract.__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1]))
"""Where our code lies. Neither the folder that a process works in has any, nor the one that this was started in."""


@dataclass(frozen=True)
class End:
    """How a process ended."""

    code: int
    """As wait tells it: negative is the signal that killed it."""
    timed_out: bool
    out_of_memory: bool
    output: str
    """The end of what it said."""
    told: str = ""
    """The lines that it told through its pipe. What once is in there nobody takes out: its beginning is ours."""
    out_of_disk: bool = False

    @property
    def words(self) -> str:
        """How it ended, for people."""
        if self.timed_out:
            return "it was still running when its time was up"
        if self.out_of_memory:
            return "it ran out of memory"
        if self.out_of_disk:
            return "it wrote more, or more files, than it has room for"
        if self.code < 0:
            return f"Blender was killed by {_signal(-self.code)}"
        return f"Blender ended with code {self.code}"


def run(module: str, folder: Path, seconds: float, share: Share) -> End:
    """Run `main` of `module` on `folder`, in that folder, and return how it ended; nothing of it is left running.

    It gets no environment but what Python and Blender need, and no standard input. Two threads at most compute: a node
    of many cores would else start a hundred of them for one cube.
    """
    reading, pipe = os.pipe()
    # Kept open: the name may lead elsewhere afterwards.
    with (folder / "output.txt").open("w+b") as output, open(reading, "rb", buffering=0) as told:
        child = subprocess.Popen(
            # No code comes from the folder (-P), nor from its user's home, which is the same one (-s).
            [sys.executable, "-P", "-s", "-m", "slipway_eval_blender.confined", module, str(folder), str(pipe)],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
            pass_fds=(pipe,),
        )
        os.close(pipe)
        watch, ended = Watch(child.pid, folder, seconds, share), threading.Event()
        watching = threading.Thread(target=watch.look, args=(ended, partial(_kill, child.pid)))
        watching.start()
        try:
            # Its number is its own until it is waited for below.
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        finally:
            ended.set()
            watching.join()
            _kill(child.pid)  # of its group: what it started, if anything could be started
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        full = used.ru_maxrss * 1024 > share.memory_bytes * ENOUGH_OF_ITS_LIMIT
        return _end(child.returncode, watch, full, _tail(output.fileno()), _waiting(told))


def environment(folder: Path) -> Mapping[str, str]:
    """Return the whole environment of a process whose own folder is `folder`."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(CODE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BLENDER_USER_RESOURCES": str(folder),
        "OMP_NUM_THREADS": "2",
    }


def _end(code: int, watch: Watch, full: bool, output: str, told: str) -> End:
    # The kernel ends a process whose CPU seconds are used up by SIGXCPU, and one that ignores that by SIGKILL.
    late_signals = (signal.SIGXCPU, signal.SIGALRM, *(() if full else (signal.SIGKILL,)))
    timed_out = watch.reason == "Time" or (not watch.reason and -code in late_signals)
    starved = watch.reason == "Memory" or (not watch.reason and code != 0 and not timed_out and full)
    return End(code, timed_out, starved, output, told, out_of_disk=watch.reason == "Disk")


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _tail(opened: int) -> str:
    start = max(0, os.fstat(opened).st_size - OUTPUT)
    return os.pread(opened, OUTPUT, start).decode(errors="replace").strip()


def _waiting(told: FileIO) -> str:
    os.set_blocking(told.fileno(), False)
    return (told.read(TOLD) or b"").decode(errors="replace")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
