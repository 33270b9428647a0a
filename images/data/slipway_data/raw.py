"""What is a raw file, and when can it not be used?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway_data import packed
from slipway_data.rows import UNREADABLE_FILE, WRONG_ENCODING, Rejected
from slipway_pod.errors import PodError

LINE_LIMIT = 16 * 1024 * 1024
FILE_LIMIT = 32 * 1024 * 1024
BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Refused(Exception):
    """A file, or one line of it, cannot be used."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def rejected(self, id: str) -> Rejected:
        """Return the entry of the report."""
        return Rejected(id, self.reason, self.message)


@dataclass(frozen=True)
class RawFile:
    """A file of the source: its path relative to the source, and its bytes, piece by piece."""

    path: str
    pieces: Callable[[], Iterable[bytes]]
    identity: str = ""
    """What changes when its content does, and is known without reading it."""
    content: str = ""
    """What names its content, so that two files of this path and name have the same bytes; empty where only reading
    tells that."""
    confirmed: Callable[[], bool] = lambda: True
    """Whether what was read just now is what `content` names."""

    @property
    def project(self) -> str:
        """The folder that the file is in; empty at the top."""
        return self.path.rpartition("/")[0]

    def text(self) -> str:
        """Return the whole file; raise Refused when it is no UTF-8 text or too large to be one document."""
        content = self.beginning(FILE_LIMIT + 1)
        if len(content) > FILE_LIMIT:
            raise Refused(UNREADABLE_FILE, f"larger than {FILE_LIMIT >> 20} MiB: split it into several files")
        return decoded(content)

    def beginning(self, most: int) -> bytes:
        """Return the first `most` bytes of the file, or all where it has fewer; raise Refused as `checked` does."""
        content = bytearray()
        for piece in self.checked():
            content += piece
            if len(content) >= most:
                break
        return bytes(content[:most])

    def lines(self) -> Iterator[bytes | Refused]:
        """Yield the file's lines without their ends; in the place of one that is too long to be a row, why it is none.

        What is too long is not held, so the lines after it are found in bounded memory. A file that gzip has packed is
        unpacked where its name says so. Raises Refused where the rest of the file cannot be read.
        """
        rest, long = b"", False
        for piece in self._unpacked():
            begin, end = 0, piece.find(b"\n")  # one by one: all lines of a piece together would be held beside it
            while end >= 0:
                line = rest + piece[begin:end]
                yield _too_long() if long or len(line) > LINE_LIMIT else line
                rest, long = b"", False
                begin, end = end + 1, piece.find(b"\n", end + 1)
            rest += piece[begin:]
            if long or len(rest) > LINE_LIMIT:
                rest, long = b"", True
        if rest or long:
            yield _too_long() if long else rest

    def _unpacked(self) -> Iterator[bytes]:
        try:
            yield from packed.opened(self.path, self.checked())
        except packed.Unusable as error:
            raise Refused(UNREADABLE_FILE, str(error)) from error

    @contextmanager
    def spooled(self) -> Iterator[Path]:
        """Give the file as one on disk that can be read at any place, for formats that end with their index."""
        with tempfile.NamedTemporaryFile(prefix="spooled-") as spool:
            for piece in self.checked():
                spool.write(piece)
            spool.flush()
            yield Path(spool.name)

    def checked(self) -> Iterator[bytes]:
        """Yield the file piece by piece; raise Refused where it went since it was listed."""
        try:
            yield from self.pieces()
        except PodError as error:
            # Listed a moment ago and gone now: the file is missing, not the store.
            if error.reason != "NoSuchObject":
                raise
            raise Refused(UNREADABLE_FILE, "it was removed while the data was being read: run again") from error


def _too_long() -> Refused:
    return Refused(UNREADABLE_FILE, f"the line is longer than {LINE_LIMIT >> 20} MiB: is this JSON lines?")


def decoded(content: bytes) -> str:
    """Return UTF-8 `content` (with or without byte order mark) as text, or raise Refused."""
    if (name := BOMS.get(content[:2])) is not None:
        raise Refused(WRONG_ENCODING, f"the text is {name}: save it as UTF-8")
    if (by := packed.packer(content)) is not None:
        raise Refused(UNREADABLE_FILE, packed.cure(by))
    if b"\x00" in content:
        raise Refused(UNREADABLE_FILE, "it holds zero bytes, so it is no text: leave it out by source include patterns")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(WRONG_ENCODING, f"not UTF-8 at byte {error.start}: save it as UTF-8") from error
