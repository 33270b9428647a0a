"""What does Linux say of the memory of this container and this process?"""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
STATUS = Path("/proc/self/status")
STEP = 128 * 2**20
"""What is used already is rounded up to a multiple of this: equal pods shall find equal room, and cut batches alike."""


def left_in_cgroup(root: Path = CGROUPS) -> int | None:
    """Return the bytes left of this container's limit, those of cached files included; None without a limit.

    Negative where more is used than the limit by the rounding.
    """
    if (found := _number(root / "memory.max")) is not None:
        used, cached = _number(root / "memory.current"), _cached(root / "memory.stat", "")
    else:  # version 1
        folder = root / "memory"
        found, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
        cached = _cached(folder / "memory.stat", "total_")
    if found is None or used is None or found > physical():
        return None
    return found - -(-max(0, used - cached) // STEP) * STEP


def physical(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that the machine has: version 1 writes a number larger than that where there is no limit."""
    line = meminfo.read_text(encoding="ascii").partition("MemTotal:")[2]
    return int(line.split()[0]) * 1024


def peak_resident(status: Path = STATUS) -> int | None:
    """Return the most that was ever resident of this process, as Linux tells it; None where it does not."""
    try:
        text = status.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    kilobytes = text.partition("VmHWM:")[2].split()
    return int(kilobytes[0]) * 1024 if kilobytes else None


def anonymous(status: Path = STATUS) -> int | None:
    """Return the bytes that this process holds and the kernel cannot take back; None where Linux does not tell."""
    try:
        words = status.read_text(encoding="ascii", errors="replace").partition("RssAnon:")[2].split()
    except OSError:
        return None
    return int(words[0]) * 1024 if words else None


def _number(file: Path) -> int | None:
    """Return what `file` says; None where it is not there, or says "max"."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _cached(stat: Path, prefix: str) -> int:
    """Return the bytes of cached files, which the kernel gives back when memory gets short."""
    try:
        words = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return sum(int(words.get(f"{prefix}{name}", 0)) for name in ("active_file", "inactive_file"))
