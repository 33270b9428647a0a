"""What was in a file that is being read?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from slipway_data.raw import RawFile, Refused


class Watched:
    """A file, and what passes while it is read."""

    def __init__(self, file: RawFile) -> None:
        self._original = file
        self.file = replace(file, pieces=self._pieces)
        self._hash, self._broken = "", False

    def content(self) -> str:
        """Return what names the content that was read; nothing where that is not known, or the source gave up on it."""
        if self._broken:
            return ""
        if not self._original.content:
            return self._hash
        return self._original.content if self._original.confirmed() else ""

    def _pieces(self) -> Iterator[bytes]:
        found = None if self._original.content else hashlib.sha256()
        self._hash = ""
        try:
            for piece in self._original.pieces():
                if found is not None:
                    found.update(piece)
                yield piece
        except GeneratorExit:
            raise  # its reader has seen enough
        except BaseException:
            self._broken = True
            raise
        if found is not None:
            self._hash = named(found.hexdigest())


def hashed(file: RawFile) -> str:
    """Return what names the content of `file`, which is read for that; nothing where it went."""
    found = hashlib.sha256()
    try:
        for piece in file.checked():
            found.update(piece)
    except Refused:
        return ""
    return named(found.hexdigest())


def named(sha256: str) -> str:
    """Return what names content that has this digest."""
    return f"sha256 {sha256}"
