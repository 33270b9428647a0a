"""Which files does a list of web addresses have, and are they what the list says?"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import IO
from urllib.parse import unquote, urlsplit

from slipway.api.dataset_source import HttpFile, HttpSource
from slipway.contract.source import header_variable
from slipway_data.raw import RawFile
from slipway_data.sources.web import REAL, Clock, Web, shown
from slipway_pod.errors import BadConfig, BadData, DigestMismatch

PIECE = 1024 * 1024
MIB = 1024 * 1024


def files(source: HttpSource, environment: Mapping[str, str], clock: Clock = REAL) -> Iterator[RawFile]:
    """Yield the files of `source`. Each is fetched to a scratch file when it is read, and checked before its first use.

    Raises BadConfig when two have one name, and when read: NotFound, AccessDenied, TooLarge, DigestMismatch, or
    SourceUnreachable after long patience.
    """
    headers = {
        header.name: header.value or environment[header_variable(at)] for at, header in enumerate(source.headers)
    }
    taken: dict[str, str] = {}
    for number, file in enumerate(source.files):
        name = _name(number, file)
        if name in taken:
            raise BadConfig(
                "DuplicateName",
                f"source.http.files: {taken[name]} and {shown(file.url)} are both called {name}: set name",
            )
        taken[name] = shown(file.url)
        web = Web(f"source.http.files[{number}]", headers, source.plain_http, clock=clock)
        # With its bound: a file that has become too large must be refused again.
        content = f"sha256 {file.sha256} {source.max_file_mebibytes}"
        yield RawFile(name, partial(_fetched, web, file, source.max_file_mebibytes), file.sha256, content)


def _name(number: int, file: HttpFile) -> str:
    name = file.name or unquote(urlsplit(file.url).path).rpartition("/")[2]
    if not name:
        raise BadConfig("NoName", f"source.http.files[{number}]: {shown(file.url)} ends in no file name: set name")
    return name


def _fetched(web: Web, file: HttpFile, mebibytes: int) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as scratch:
        web.patiently(file.url, partial(_fetch, web, file, mebibytes, scratch))
        scratch.seek(0)
        while piece := scratch.read(PIECE):
            yield piece


def _fetch(web: Web, file: HttpFile, mebibytes: int, scratch: IO[bytes]) -> None:
    scratch.seek(0)
    scratch.truncate()
    found, size = hashlib.sha256(), 0
    with web.get(file.url) as answer:
        web.must_be_good(file.url, answer)
        for piece in answer.stream(PIECE, decode_content=False):
            size += len(piece)
            if size > mebibytes * MIB:
                said = f"{web.field}: {shown(file.url)} is larger than {mebibytes} MiB"
                raise BadData("TooLarge", f"{said}: raise source.http.maxFileMebibytes")
            found.update(piece)
            scratch.write(piece)
    if found.hexdigest() != file.sha256:
        raise DigestMismatch(
            "DigestMismatch",
            f"{web.field}: {shown(file.url)} has the sha256 {found.hexdigest()}, the spec says {file.sha256}: "
            "correct sha256 if the file was meant to change",
        )
