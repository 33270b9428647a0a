"""Which files lie on a PersistentVolumeClaim?"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from slipway.api.dataset_source import PersistentVolumeClaimSource
from slipway.contract.source import CLAIM_FOLDER
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE, spelled
from slipway_data.sources.globs import matcher
from slipway_pod.errors import BadConfig, BadData, PodError, SourceUnreachable

PIECE = 1024 * 1024
FORBIDDEN = (errno.EACCES, errno.EPERM)
GONE = (errno.ENOENT, errno.ENOTDIR)


def files(source: PersistentVolumeClaimSource, mounted: Path = Path(CLAIM_FOLDER)) -> Iterator[RawFile]:
    """Yield the files of `source`, whose volume is `mounted`; raise BadData (NoFiles) when there are none.

    Links are followed to files of the volume only: what lies elsewhere in the pod is no data.
    """
    volume = mounted.resolve()
    top = (volume / source.path).resolve()
    where = f"source.persistentVolumeClaim: claim {source.claim_name}"
    with _told(where):
        there = top.is_relative_to(volume) and top.is_dir()
    if not there:
        raise BadData("NoFiles", f"{where} has no folder {source.path!r}: correct path")
    wanted, count = matcher(source.include), 0
    for folder, _, names in os.walk(top, onerror=partial(_unlisted, where)):
        for name in names:
            file = Path(folder, name)
            # What is no UTF-8 is spelled out, as it is of the files of a Git repository.
            path = os.fsencode(file.relative_to(top).as_posix()).decode(errors="backslashreplace")
            with _told(where):
                is_one = wanted.fullmatch(path) and file.is_file() and file.resolve().is_relative_to(volume)
            if is_one:
                count += 1
                yield RawFile(path, partial(_pieces, file, where), _identity(file, where))
    if not count:
        raise BadData(
            "NoFiles",
            f"{where}: no file below {source.path or 'its top'} matches {', '.join(source.include)}: put files there, "
            "or correct path and include",
        )


def _identity(file: Path, where: str) -> str:
    try:
        found = file.stat()
    except OSError as error:
        if error.errno in GONE:
            return ""  # said when it is read
        raise _fault(where, error) from error
    return f"{found.st_size} {found.st_mtime_ns}"


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Raise what an OSError within means."""
    try:
        yield
    except OSError as error:
        raise _fault(where, error) from error


def _unlisted(where: str, error: OSError) -> None:
    # A folder that went since its name was read has no files: the same as if it had gone before.
    if error.errno not in GONE:
        raise _fault(where, error) from error


def _pieces(file: Path, where: str) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while piece := opened.read(PIECE):
                yield piece
    except OSError as error:
        if error.errno in GONE:
            raise Refused(UNREADABLE_FILE, "it was removed while the data was being read: run again") from error
        raise _fault(where, error) from error


def _fault(where: str, error: OSError) -> PodError:
    """Return what is wrong with the volume: for good where the pod may not read it, else for now."""
    said = f"{where}: {spelled(str(error.filename))}: {error.strerror}"
    if error.errno in FORBIDDEN:
        cure = "let user and group 65532, as which the pod runs, read it"
        return BadConfig("ClaimUnreadable", f"{said}: {cure}")
    return SourceUnreachable("SourceUnreachable", f"{said}: see whether the volume and its server are well")
