"""How are the rows of a file kept while they pass by?"""

from __future__ import annotations

from collections.abc import Callable

from slipway_data.known import Known
from slipway_data.reuse import lines
from slipway_data.reuse.index import Part
from slipway_data.reuse.packs import Writer
from slipway_data.rows import Parsed, Rejected


class Keeping:
    """The rows of one file. It ends by itself where they take more than `room` gives, or are not given back exactly."""

    def __init__(self, writer: Writer, room: Callable[[], int]) -> None:
        self._writer, self._room = writer, room
        self._lines, self._parts = lines.Lines(), list[Part]()
        self._on = True
        writer.begin(self._parts)

    def add(self, item: Parsed | Rejected | Known) -> None:
        """Keep a row; raise what went wrong in the store."""
        if not self._on:
            return
        try:
            self._write(self._lines.add(item))
        except lines.Inexact:
            self.take_back()

    def end(self) -> list[Part] | None:
        """Return where the rows are going to lie, once the writer is closed; None where they are not kept."""
        if self._on:
            self._write(self._lines.end())
        return self._parts if self._on else None

    def take_back(self) -> None:
        """Keep nothing of it."""
        if self._on:
            self._on = False
            self._writer.take_back()

    def _write(self, block: bytes) -> None:
        if not block:
            return
        self._writer.add(block)
        if self._room() < 0:
            self.take_back()
