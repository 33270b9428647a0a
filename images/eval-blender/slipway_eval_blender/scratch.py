"""How are folders and files handled in which an answer could do what it liked?

A name may have become a link, a pipe that never ends a read, or a file without end; a folder may hold folders without
end, or not let itself be listed.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20


class Unfit(Exception):
    """Something else is where a file should be. The message says what."""


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Give a new folder, and remove it with everything that is in it then."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield made
    finally:
        _remove(made)


@contextmanager
def regular(path: Path) -> Iterator[BinaryIO]:
    """Open the regular file `path`; raise Unfit where there is another thing, or nothing. Never waits."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unfit(f"{path.name} is no file that can be read: {error.strerror}") from error
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise Unfit(f"{path.name} is no regular file")
        yield file


def take(source: Path, target: Path, limit: int) -> None:
    """Copy the regular file `source` to `target`, for reading only; raise Unfit where it is none or above `limit`."""
    with regular(source) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise Unfit(f"{source.name} is larger than {limit >> 20} MiB")
        with target.open("xb") as copy:
            shutil.copyfileobj(file, copy, CHUNK)
    target.chmod(0o400)


def read(path: Path, limit: int) -> bytes:
    """Return the first `limit` bytes of the regular file `path`; raise Unfit where it is none."""
    with regular(path) as file:
        return file.read(limit)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
        return
    # Python's own way descends by recursion, and ends with it.
    for command in (("chmod", "-R", "u+rwX"), ("rm", "-rf")):
        subprocess.run([*command, "--", str(path)], capture_output=True, check=False)
