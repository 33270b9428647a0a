"""Which files lie on a PersistentVolumeClaim?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from slipway.api.dataset_source import PersistentVolumeClaimSource
from slipway.contract.source import CLAIM_FOLDER
from slipway_data.raw import RawFile
from slipway_data.sources.globs import matcher
from slipway_pod.errors import BadConfig, BadData

PIECE = 1024 * 1024


def files(source: PersistentVolumeClaimSource, mounted: Path = Path(CLAIM_FOLDER)) -> Iterator[RawFile]:
    """Yield the files of `source`, whose volume is `mounted`; raise BadData (NoFiles) when there are none.

    Links are followed to files of the volume only: what lies elsewhere in the pod is no data.
    """
    volume = mounted.resolve()
    top = (volume / source.path).resolve()
    where = f"source.persistentVolumeClaim: claim {source.claim_name}"
    if not top.is_relative_to(volume) or not top.is_dir():
        raise BadData("NoFiles", f"{where} has no folder {source.path!r}: correct path")
    wanted, count = matcher(source.include), 0
    for folder, _, names in os.walk(top, onerror=partial(_unreadable, where)):
        for name in names:
            file = Path(folder, name)
            # What is no UTF-8 is spelled out, as it is of the files of a Git repository.
            path = os.fsencode(file.relative_to(top).as_posix()).decode(errors="backslashreplace")
            if wanted.fullmatch(path) and file.is_file() and file.resolve().is_relative_to(volume):
                count += 1
                yield RawFile(path, partial(_pieces, file, where))
    if not count:
        raise BadData(
            "NoFiles",
            f"{where}: no file below {source.path or 'its top'} matches {', '.join(source.include)}: put files there, "
            "or correct path and include",
        )


def _pieces(file: Path, where: str) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while piece := opened.read(PIECE):
                yield piece
    except OSError as error:
        _unreadable(where, error)


def _unreadable(where: str, error: OSError) -> None:
    raise BadConfig(
        "ClaimUnreadable",
        f"{where}: {error.filename}: {error.strerror}: let user and group 65532, as which the pod runs, read it",
    ) from error
