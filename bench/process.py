"""What does a child process use, and how is it sure to end?"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Child:
    """A process of this bench."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end, wait, and end it for certain."""
        if not self.alive:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self, characters: int = 3000) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""


@contextmanager
def running(name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Run `command` until the block ends; it also ends when this process is killed."""

    def die_with_parent() -> None:
        ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    with log.open("ab") as output:
        environment = {**os.environ, **(env or {})}
        process = subprocess.Popen(
            list(command),
            stdout=output,
            stderr=output,
            env=environment,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
    child = Child(name, process, log)
    try:
        yield child
    except Exception as error:
        state = "runs" if child.alive else f"had ended with {process.returncode}"
        error.add_note(f"{name} {state}; the end of its log:\n{child.tail()}")
        raise
    finally:
        child.stop()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process used so far, in user and kernel mode, all threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has ended")


def child_named(name: str) -> int:
    """Return the pid of this process's child whose command line has `name` as its first or second word."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")[:2]
        except (OSError, IndexError, ValueError):
            continue
        if parent == os.getpid() and any(word.rpartition(b"/")[2].decode() == name for word in words):
            return int(stat.parent.name)
    raise ProcessLookupError(f"no child of this process is called {name}")
