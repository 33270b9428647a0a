"""Is a raw file packed, and what is in one that gzip has packed?"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

GZIP = "gzip"
MAGIC = {
    b"\x1f\x8b": GZIP,
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
}
"""How packed files begin (RFC 1952, PKWARE's APPNOTE 4.3.7, RFC 8878, the .xz file format 2.1.1.1)."""
NAMES = (".jsonl.gz", ".json.gz")
"""How files of JSON lines that gzip has packed are called."""
PIECE = 1024 * 1024
ALWAYS = 1024**3
"""Bytes that any file may unpack to."""
RATIO = 100
"""How many times its own size a file may unpack to beyond that. JSON lines shrink to a fifth or a tenth, bombs of
nothing but zeros to a thousandth."""


class Unusable(Exception):
    """It cannot be unpacked, or not further. The message says why, and what to do."""


def packer(content: bytes) -> str | None:
    """Return what packed a file that begins with `content`; None where it is not packed."""
    return next((name for magic, name in MAGIC.items() if content.startswith(magic)), None)


def opened(path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the file `path` of lines, unpacked where its name says that gzip packed it.

    Raises Unusable where it is packed otherwise, and where it is cut or unpacks to more than it may; by then, what
    could be unpacked has been.
    """
    stream = iter(pieces)
    first = b""
    while len(first) < max(map(len, MAGIC)) and (piece := next(stream, None)) is not None:
        first += piece
    by, rest = packer(first), chain((first,), stream)
    if by is None:
        yield from rest
    elif by == GZIP and path.lower().endswith(NAMES):
        yield from _unpacked(rest)
    else:
        raise Unusable(cure(by))


def cure(by: str) -> str:
    """Return what is wrong with a file that `by` packed, and what to do."""
    more = f", or let the names of JSON lines end with {NAMES[0]}" if by == GZIP else ""
    return f"it is packed with {by}: unpack it first{more}"


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packed, size = _Pieces(pieces), 0
    with gzip.GzipFile(fileobj=io.BufferedReader(packed, PIECE)) as file:
        while piece := _next(file):
            size += len(piece)
            if size > max(ALWAYS, RATIO * packed.given):
                most = f"{ALWAYS >> 20} MiB and {RATIO} times its own size"
                raise Unusable(f"it unpacks to more than {most}: unpack it first, if you trust it")
            yield piece


def _next(file: gzip.GzipFile) -> bytes:
    try:
        return file.read1(PIECE)
    except EOFError as error:
        raise Unusable("it is cut: what comes after is lost, so copy it anew") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Unusable("it is damaged: what comes after is lost, so copy it anew") from error


class _Pieces(io.RawIOBase):
    """Pieces as a file that can be read once, from its beginning on; `given` bytes of it were read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), memoryview(b"")
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        self.given += size
        return size
