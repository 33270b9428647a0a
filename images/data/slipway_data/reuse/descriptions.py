"""What did Blender say of .blend files before, and of which need it not be asked again?

    parsed-rows/<namespace>/<name>/blends/<sha256 of the file>

To ask Blender is what costs: a process of it for every file. Who brings the files lays beside each what is kept of it,
with the version of the reader that said it. Blender's container takes that where it is of the same version, for it
alone knows its own. Nothing is kept of a file that was refused: by another node it may be read.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from slipway.contract.blends import DESCRIBED, KEPT, READER, TAKEN, Fetched, Index, KeptDescription
from slipway.contract.dataset_report import FilesRead
from slipway.contract.job import PrepareDataset
from slipway.contract.parsed_rows import folder
from slipway_data.reuse.kept import MIB, PATIENCE
from slipway_data.reuse.wanted import form
from slipway_pod.errors import PodError
from slipway_pod.store import Bucket, open_store

log = logging.getLogger("slipway")


def bring(job: PrepareDataset, index: Index, exchange: Path) -> None:
    """Lay into `exchange` what is kept of the files of `index`; what is damaged, or does not come, is asked again."""
    if form(job) != "Described":
        return
    bucket, place = _opened(job)
    (exchange / KEPT).mkdir(exist_ok=True)
    try:
        there = {one.key for one in bucket.list(place)}
        for at, one in enumerate(index.fetched):
            if one.sha256 and place + one.sha256 in there:
                _lay(bucket, place + one.sha256, exchange / KEPT / f"{at}.json")
    except PodError as error:
        log.warning("what Blender said before is not used: %s", error)


def settle(job: PrepareDataset, index: Index, exchange: Path, *, published: bool) -> None:
    """Let what Blender said this time be what is kept, and nothing else where the Dataset is `published`.

    Where it was refused, the next preparation need not ask again, and may want what this one did not.
    """
    bucket, place = _opened(job)
    try:
        there = {one.key: one.bytes for one in bucket.list(place)}
        wanted = set[str]()
        if form(job) == "Described":
            room = job.parsed_rows.max_mebibytes * MIB
            reader = (exchange / READER).read_text(encoding="utf-8")
            for at, one in _described(index, exchange):
                key = place + one.sha256
                known = _taken(exchange, at) and key in there
                packed = b"" if known else _packed(exchange / DESCRIBED / f"{at}.json", reader)
                room -= there[key] if known else len(packed)
                if room < 0:
                    break
                wanted.add(key)
                if not known:
                    bucket.put(key, packed)
        for key in there.keys() - wanted if published else ():
            bucket.delete(key)
    except (PodError, OSError) as error:
        log.warning("what Blender said is not kept: %s", error)


def report(job: PrepareDataset, index: Index, exchange: Path) -> FilesRead | None:
    """Return of how many files Blender was asked, or nobody, and of how many it was known what it says."""
    if form(job) != "Described":
        return None
    known = sum(_taken(exchange, at) for at in range(len(index.fetched)))
    return FilesRead(read=len(index.fetched) - known, kept=known)


def _opened(job: PrepareDataset) -> tuple[Bucket, str]:
    bucket = open_store(job.store, patience=PATIENCE)
    return bucket, f"{job.store.prefix}/{folder(job.namespace, job.name)}/blends/"


def _lay(bucket: Bucket, key: str, target: Path) -> None:
    try:
        content = gzip.decompress(bucket.read(key))
        KeptDescription.model_validate_json(content)
    except (ValidationError, OSError, EOFError, zlib.error):
        log.warning("%s is damaged: Blender is asked again", bucket.uri(key))
        return
    target.write_bytes(content)


def _described(index: Index, exchange: Path) -> Iterator[tuple[int, Fetched]]:
    """Yield the files that Blender has read, with their numbers."""
    for at, one in enumerate(index.fetched):
        said = exchange / DESCRIBED / f"{at}.json"
        if one.sha256 and said.is_file() and not KeptDescription.refuses(said.read_text(encoding="utf-8")):
            yield at, one


def _taken(exchange: Path, at: int) -> bool:
    return (exchange / TAKEN / str(at)).is_file()


def _packed(said: Path, reader: str) -> bytes:
    kept = KeptDescription(reader=reader, said=said.read_text(encoding="utf-8"))
    return gzip.compress(kept.model_dump_json().encode(), mtime=0)
