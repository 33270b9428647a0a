"""Which processes belong to the node? Started so that they outlive the shell, and found again by what they carry."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from e2e.cluster.embedded.layout import MARK, Layout

# A component that ends is started again a second later: the node heals as one with an init system would.
_KEEP = 'while :; do "$@"; echo "$0: ended with code $?, starting again"; sleep 1; done'


def start(layout: Layout, name: str, command: Sequence[str]) -> None:
    """Start `command` in a session of its own, restarted when it ends, with its output in the log `name`."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    with layout.log(name).open("ab") as log:
        subprocess.Popen(
            ["/bin/sh", "-c", _KEEP, name, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment(layout),
            start_new_session=True,
        )


def environment(layout: Layout) -> dict[str, str]:
    """Return a small environment: the mark, and a PATH that finds mount, iptables and runc."""
    return {
        MARK: str(layout.state),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
    }


def ours(layout: Layout) -> list[int]:
    """Return the ids of the node's processes: those with its mark, and those whose root is one of its containers."""
    mark = f"{MARK}={layout.state}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            marked = mark in (entry / "environ").read_bytes().split(b"\0")
            if marked or in_container(layout, (entry / "mountinfo").read_text()):
                found.append(int(entry.name))
        except OSError:  # it ended while we looked
            continue
    return found


def kept(layout: Layout) -> set[str]:
    """Return the names of the components that are kept running: those whose shell is there to start them again."""
    commands = map(_words, ours(layout))
    return {command[3] for command in commands if command[1:3] == ["-c", _KEEP]}


def of_component(layout: Layout, name: str) -> list[int]:
    """Return the ids of a component's processes: the children of the shell that keeps it running."""
    keepers = {one for one in ours(layout) if _words(one)[1:4] == ["-c", _KEEP, name]}
    return [one for one in ours(layout) if _parent(one) in keepers]


def of_pod(uid: str, program: str) -> list[int]:
    """Return the ids of a pod's processes that have the word `program` in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = f"pod{uid}" in (entry / "cgroup").read_text()
        except OSError:  # it ended while we looked
            continue
        if inside and program in _words(int(entry.name)):
            found.append(int(entry.name))
    return found


def _words(one: int) -> list[str]:
    """Return a process's command line; empty when it has ended."""
    try:
        return Path(f"/proc/{one}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _parent(one: int) -> int:
    try:
        stat = Path(f"/proc/{one}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])  # the name before may hold spaces and parentheses


def in_container(layout: Layout, mountinfo: str) -> bool:
    """Return whether a process with this `/proc/PID/mountinfo` has a root that containerd made for the node."""
    for line in mountinfo.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] == "/":
            return f"{layout.containerd}/" in line
    return False


def any_named(program: str) -> bool:
    """Return whether any process of this machine runs `program`."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == program[:15] and comm.with_name("cmdline").read_bytes():
                return True  # the kernel keeps 15 characters of a name; one that has ended has no command line
        except OSError:
            continue
    return False


def kill(ids: Iterable[int], how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to processes that may have ended meanwhile."""
    for one in ids:
        try:
            os.kill(one, how)
        except ProcessLookupError:
            continue


def name_of(process: int) -> str:
    """Return the command line of a process for a person, or an empty text when it has ended."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words)[:120].decode(errors="replace").strip()


def kill_all(layout: Layout, seconds: float = 20) -> list[int]:
    """Kill every process of the node until none is left, and return those that would not go."""
    until = time.monotonic() + seconds
    while (left := ours(layout)) and time.monotonic() < until:
        kill(left)
        time.sleep(0.1)
    return left
