"""Where are the results of expensive steps kept? One folder; each result is named by what it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.setup.progress import say

KEPT_VERSIONS = 2


def root() -> Path:
    """Return the one folder that holds everything cached: `SLIPWAY_CACHE`, else `~/.cache/slipway`."""
    return Path(os.environ.get("SLIPWAY_CACHE") or Path.home() / ".cache" / "slipway").absolute()


def content_key(*inputs: Path | str) -> str:
    """Return a short digest of texts and of files (folders: every file below), independent of where they lie."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            digest.update(b"text\0" + item.encode() + b"\0")
            continue
        for path in files_of(item):
            name = path.relative_to(item).as_posix() if path != item else path.name
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            digest.update(f"file\0{name}\0{mode}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def files_of(path: Path) -> list[Path]:
    """Return the files that count as content of `path`; what Python and editors leave behind does not."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path} does not exist, so nothing can be built from it")
    return sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in {".pyc", ".swp"}
    )


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the machine-wide lock `name` of this cache; say so when another process has it."""
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            say(f"waiting for process {handle.read().strip() or 'unknown'}, which is making {name} ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def stored(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` made from inputs with digest `key`, calling `make(empty folder)` when it is missing.

    A folder appears under its name only when complete, so an interrupted run leaves nothing that looks finished.
    The version before it stays, since a running cluster may still use it; older ones are removed.
    """
    folder = root() / "tools" / f"{name}-{key}"
    if folder.is_dir():
        return folder
    with exclusive(name):
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        for stale in folder.parent.glob(f".{name}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        building.chmod(0o755)
        make(building)
        building.rename(folder)
        versions = [version for version in folder.parent.iterdir() if version.name.rpartition("-")[0] == name]
        for older in sorted(versions, key=lambda version: version.stat().st_mtime_ns, reverse=True)[KEPT_VERSIONS:]:
            shutil.rmtree(older, ignore_errors=True)
    return folder


def is_stored(name: str, key: str) -> bool:
    """Return whether `stored` would answer at once."""
    return (root() / "tools" / f"{name}-{key}").is_dir()
