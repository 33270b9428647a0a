"""How do .blend files get to Blender, and what it says of them back?

    python -m slipway_data.blends

brings the files of a source into the folder that the container with Blender sees (slipway.contract.blends). What
prepares the Dataset then reads descriptions in the place of files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from slipway.api.dataset_steps import Parse, Step
from slipway.contract.blends import DESCRIBED, FILE_LIMIT, FILES, INDEX, REFUSED, Fetched, Index, is_blend
from slipway.contract.dataset_report import FilesRead
from slipway.contract.execution import EXCHANGE
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Unchanged
from slipway_data.look import looked
from slipway_data.raw import RawFile, Refused
from slipway_data.reuse import descriptions
from slipway_data.rows import SOURCE_REFUSED, UNREADABLE_FILE, Rejected
from slipway_data.sources.origin import Origin
from slipway_pod import run
from slipway_pod.errors import BadConfig

log = logging.getLogger("slipway")

CHUNK = 1 << 20


def exchange() -> Path:
    """Return the folder that both containers see; SLIPWAY_EXCHANGE moves it."""
    return Path(os.environ.get("SLIPWAY_EXCHANGE", EXCHANGE))


def asked_for(steps: Sequence[Step]) -> bool:
    """Tell whether rows come out of .blend files."""
    first = steps[0].chosen
    return isinstance(first, Parse) and first.format == "Blend"


def bring(job: PrepareDataset) -> None:
    """Write every file of the source into the exchange folder, and then their index; none where they are as they were.

    A file that is too large, or went meanwhile, is noted and left out; a source that does not answer ends the run,
    which is tried again.
    """
    origin, folder = looked(job), exchange()
    (folder / FILES).mkdir(parents=True, exist_ok=True)
    if isinstance(origin, Unchanged):
        _write(folder, Index(fetched=(), unchanged=origin))
        return
    fetched = tuple(_fetched(file, folder / FILES / str(at)) for at, file in enumerate(origin.files))
    index = Index(
        revision=origin.revision,
        digest=origin.digest,
        fetched=fetched,
        licences=dict(origin.licences),
        left_out=tuple(Fetched(path=entry.id, refused=entry.message) for entry in origin.left_out),
    )
    descriptions.bring(job, index, folder)
    _write(folder, index)
    log.info("%d files brought, %d of them .blend", len(fetched), sum(is_blend(one.path) for one in fetched))
    origin.done()


def described() -> Origin | Unchanged:
    """Return the files of the exchange folder; each .blend holds what Blender says of it, as JSON.

    There are none where the container that brings them found that the source is as it was.
    """
    folder, index = exchange(), listed()
    files = (_file(folder, at, one) for at, one in enumerate(index.fetched))
    left_out = (Rejected(one.path, SOURCE_REFUSED, one.refused) for one in index.left_out)
    return index.unchanged or Origin.of(
        files, index.revision, known=index.digest, licences=index.licences, left_out=left_out
    )


def listed() -> Index:
    """Return the index of the exchange folder; raise BadConfig where there is none."""
    place = exchange() / INDEX
    try:
        return Index.model_validate_json(place.read_bytes())
    except OSError as error:
        raise BadConfig("NotRead", f"{place} is not there: the containers that bring and read come before") from error


def report(job: PrepareDataset) -> FilesRead | None:
    """Return of how many files it was known what Blender says; None where rows do not come from there."""
    return descriptions.report(job, listed(), exchange()) if asked_for(job.steps) else None


def settle(job: PrepareDataset, *, published: bool = True) -> None:
    """Keep what Blender said, and nothing else of what it said before; that only where the Dataset is `published`."""
    index = listed() if asked_for(job.steps) else Index(fetched=())
    descriptions.settle(job, index, exchange(), published=published)


def _write(folder: Path, index: Index) -> None:
    (folder / INDEX).write_text(index.model_dump_json(by_alias=True), encoding="utf-8")


def _fetched(file: RawFile, target: Path) -> Fetched:
    size, digest = 0, hashlib.sha256()
    try:
        with target.open("wb") as out:
            for piece in file.checked():
                size += len(piece)
                if size > FILE_LIMIT:
                    raise Refused(UNREADABLE_FILE, f"larger than {FILE_LIMIT >> 20} MiB: split it into several files")
                digest.update(piece)
                out.write(piece)
    except Refused as error:
        target.unlink(missing_ok=True)
        return Fetched(path=file.path, refused=error.message)
    return Fetched(path=file.path, sha256=digest.hexdigest() if is_blend(file.path) else "")


def _file(folder: Path, at: int, fetched: Fetched) -> RawFile:
    if fetched.refused:
        said = json.dumps({REFUSED: fetched.refused})
        return RawFile(fetched.path, lambda: (said.encode(),))
    place = folder / DESCRIBED / f"{at}.json" if is_blend(fetched.path) else folder / FILES / str(at)
    return RawFile(fetched.path, partial(_pieces, place))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(CHUNK):
            yield piece


if __name__ == "__main__":
    run.main(bring, PrepareDataset)
