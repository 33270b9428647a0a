"""How much memory may a container use, by what the kernel was told? Versions 1 and 2 of cgroups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryGroup:
    """The group in which the memory of a process is counted."""

    folder: Path

    @classmethod
    def of(cls, process: int) -> MemoryGroup:
        """Return the group of a process; raise OSError where it has ended."""
        return cls(folder_of(Path(f"/proc/{process}/cgroup").read_text()))

    @property
    def used(self) -> int:
        """Bytes in use, cached files included."""
        return int((self.folder / _either(self.folder, "memory.current", "memory.usage_in_bytes")).read_text())

    def limit(self, size: int) -> None:
        """Allow `size` bytes from now on. Version 1 refuses less than is in use; version 2 kills until that is so."""
        (self.folder / _either(self.folder, "memory.max", "memory.limit_in_bytes")).write_text(str(size))


def folder_of(lines: str, root: Path = ROOT) -> Path:
    """Return the folder of the memory's group that `lines` of a process's `cgroup` file name."""
    groups = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines.splitlines())}
    for controllers, path in groups.items():
        if "memory" in controllers.split(","):
            return root / "memory" / path.lstrip("/")
    return root / groups[""].lstrip("/")


def _either(folder: Path, new: str, old: str) -> str:
    return new if (folder / new).exists() else old
