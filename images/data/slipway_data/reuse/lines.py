"""How are rows written so that they come back exactly as a reader gave them?

Lines of JSON, packed a quarter of a mebibyte at a time, so that a file of any size needs no more memory than its
longest row.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from slipway_data.counts import Counts
from slipway_data.known import Known
from slipway_data.rows import Parsed, Rejected, Row, content_of

BLOCK = 256 * 1024
"""Bytes of lines that are packed together."""
_SIZES = struct.Struct(">II")
"""Bytes of a block as it is packed, and unpacked."""
_CODEC = "zstd"


class Inexact(Exception):
    """A row has a value that JSON would give back as another one."""


class Broken(Exception):
    """These bytes are none that were written here."""


class Lines:
    """Gathers rows, and gives them back as packed blocks."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0

    def add(self, item: Parsed | Rejected | Known) -> bytes:
        """Take a row, and return a block when one is full, else nothing; raise Inexact."""
        line = _line(item)
        self._lines.append(line)
        self._bytes += len(line) + 1
        return self.end() if self._bytes >= BLOCK else b""

    def end(self) -> bytes:
        """Return the rows that are in no block yet as one; nothing where there are none."""
        if not self._lines:
            return b""
        plain = b"\n".join(self._lines)
        self._lines, self._bytes = [], 0
        packed: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
        return _SIZES.pack(len(packed), len(plain)) + packed


def read(blocks: bytes) -> Iterator[Parsed | Rejected | Known]:
    """Yield the rows of `blocks`; raise Broken where they are no blocks."""
    view, at = memoryview(blocks), 0
    while at < len(view):
        try:
            packed, plain = _SIZES.unpack_from(view, at)
            at += _SIZES.size
            if packed > len(view) - at:
                raise Broken("a block is cut")
            lines = pa.decompress(view[at : at + packed], plain, codec=_CODEC, asbytes=True)
            items = [_item(line) for line in lines.split(b"\n")]
        except (struct.error, pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
            raise Broken(f"a block is none ({type(error).__name__})") from error
        at += packed
        yield from items


def _line(item: Parsed | Rejected | Known) -> bytes:
    values = [*_values(item.item), item.step, *_counted(item.counted)] if isinstance(item, Known) else _values(item)
    # Half a pair of surrogates, which no UTF-8 has, is spelled out: such rows are rejected only later.
    return json.dumps(values, separators=(",", ":")).encode()


def _values(item: Parsed | Rejected | Row) -> list[Any]:
    match item:
        case Rejected():
            return [item.id, item.reason, item.message, item.like, item.similarity_percent, item.rows]
        case Row():
            own: list[Any] = [item.path]
        case Parsed():
            own = []
    if not _exact(item.columns):
        raise Inexact
    return [item.id, item.content.dump(), item.project, item.columns, item.group, item.split, *own]


def _item(line: bytes) -> Parsed | Rejected | Known:
    values = json.loads(line)
    if not isinstance(values[-1], list):
        return _rejected(values) or _parsed(*values)
    *own, step, replaced, scores, costs, cut, first = values
    counters = (Counter({_key(key): count for key, count in pairs}) for pairs in (replaced, scores, costs, cut))
    counts = Counts(*counters, dict(first))
    return Known(_rejected(own) or _row(*own), step, counts)


def _rejected(values: list[Any]) -> Rejected | None:
    """Return what was left out; None where `values` are of a row: the second of them is its content, and no reason."""
    return Rejected(*values) if isinstance(values[1], str) else None


def _parsed(id: str, content: Any, project: str | None, columns: Any, group: str | None, split: str) -> Parsed:
    return Parsed(id, content_of(content), project, columns, group, split)


def _row(id: str, content: Any, project: str, columns: Any, group: str, split: str, path: str) -> Row:
    return Row(id, group, content_of(content), path, project, columns, split)


def _counted(counts: Counts) -> list[list[Any]]:
    counters = (counts.replaced, counts.scores, counts.costs, counts.cut_links, counts.cut_first)
    return [list(counter.items()) for counter in counters]


def _key(key: Any) -> Any:
    """Return what a counter counted; JSON has no tuples."""
    return tuple(key) if isinstance(key, list) else key


def _exact(value: object) -> bool:
    """Tell whether `value` comes back from JSON as it is: a day or bytes, which a Parquet column may hold, do not."""
    if type(value) is dict:
        return all(type(key) is str and _exact(inner) for key, inner in value.items())
    if type(value) is list:
        return all(map(_exact, value))
    return value is None or type(value) in (str, int, float, bool)
