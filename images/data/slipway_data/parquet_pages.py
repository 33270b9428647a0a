"""Which pages of a Parquet column are too large to be read, and how are the others read all the same?

pyarrow unpacks a page as a whole, and passes over none. So a page that is too large is overwritten, in a copy of the
file, by one of the same length that holds as many empty values.
Format: https://github.com/apache/parquet-format, `PageHeader` in src/main/thrift/parquet.thrift; its bytes are Thrift's
compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

HEADER_BYTES = 64 * 1024
"""The most that the header of a page may have."""
EMPTY_HEADER_BYTES = 64
"""More than the header of an empty page has."""
UNKNOWN = b"\x11"
"""A field that no header has, and no reader minds: the next number, and true."""
DATA, DATA_V2 = 0, 3
"""Types of pages that hold values."""
STRANGE = (IndexError, KeyError, OSError, RecursionError, TypeError, ValueError)
"""What comes of bytes that are no header, and of places that are none."""


@dataclass(frozen=True)
class Chunk:
    """A column of a row group: where it lies in the file, and whether its values may be nulls."""

    start: int
    end: int
    nullable: bool


@dataclass(frozen=True)
class Emptied:
    """Rows of a row group, from 0, whose values were lost with a page of so many bytes."""

    rows: range
    bytes: int


@dataclass(frozen=True)
class Page:
    """A page: where it lies in the file, header included, and what it holds."""

    start: int
    end: int
    kind: int
    bytes: int
    """Of its content, unpacked."""
    values: int
    """0 where it holds none but a dictionary."""


def emptied(file: BinaryIO, columns: Iterable[Chunk], most: int) -> list[Emptied]:
    """Overwrite every page of `columns` that has more than `most` bytes, and return which rows that costs.

    The columns are of one row group and have one value for each row. No row is in two of what is returned.
    """
    found = [lost for column in columns for lost in _emptied(file, column, most)]
    apart: list[Emptied] = []
    for lost in sorted(found, key=lambda one: one.rows.start):
        if apart and lost.rows.start < apart[-1].rows.stop:
            last = apart.pop()
            rows = range(last.rows.start, max(last.rows.stop, lost.rows.stop))
            apart.append(Emptied(rows, last.bytes + lost.bytes))
        else:
            apart.append(lost)
    return apart


def _emptied(file: BinaryIO, column: Chunk, most: int) -> Iterator[Emptied]:
    row = 0
    for page in pages(file, column.start, column.end):
        if page.bytes > most and page.values:
            other = empty(page.end - page.start, page.values, column.nullable)
            if other is None:
                return
            file.seek(page.start)
            file.write(other)
            yield Emptied(range(row, row + page.values), page.bytes)
        row += page.values


def pages(file: BinaryIO, start: int, end: int) -> Iterator[Page]:
    """Yield the pages of a column of a row group, which lies there in `file`, as far as they can be told."""
    while start < end:
        try:
            file.seek(start)
            header = _Compact(file.read(HEADER_BYTES))
            fields = header.struct()
            kind, unpacked, packed = fields[1], fields[2], fields[3]
            values = fields[{DATA: 5, DATA_V2: 8}[kind]][1] if kind in (DATA, DATA_V2) else 0
            page = Page(start, start + header.at + packed, kind, unpacked, values)
        except STRANGE:
            return
        if min(packed, unpacked, values) < 0:
            return
        yield page
        start = page.end


def empty(length: int, values: int, nullable: bool) -> bytes | None:
    """Return a page of `length` bytes with so many `values`: nulls, or else texts without a letter.

    It is for columns whose rows have one value each. None where it does not fit.
    """
    levels = _varint(values << 1) + b"\0" if nullable else b""  # one run, of level 0
    least = len(levels) + (0 if nullable else 4 * values)
    for size in range(length - 1, max(least, length - EMPTY_HEADER_BYTES) - 1, -1):
        header = _empty_header(size, values, nullable, len(levels))
        if (room := length - size - len(header) - 1) >= 0:
            return header + room * UNKNOWN + b"\0" + levels.ljust(size, b"\0")
    return None


def _empty_header(size: int, values: int, nullable: bool, levels: int) -> bytes:
    """Return the header of an empty page, but for its last byte, which is 0."""
    counts = (values, values if nullable else 0, values, 0, levels, 0)  # the fourth is the encoding, plain
    content = b"".join(b"\x15" + _integer(one) for one in counts) + b"\x12\0"  # not packed
    return b"\x15" + _integer(DATA_V2) + b"\x15" + _integer(size) + b"\x15" + _integer(size) + b"\x5c" + content


def _integer(number: int) -> bytes:
    return _varint(number << 1)  # of numbers that are not negative


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


class _Compact:
    """Reads Thrift's compact protocol; `at` is how far. Raises one of STRANGE."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def struct(self) -> dict[int, Any]:
        """Return the fields of a struct by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15)
        return fields

    def _value(self, kind: int) -> Any:
        match kind:
            case 1 | 2:  # a boolean is its own type
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 8:  # bytes, which no page is told by
                length = self._varint()
                self.at += length
                return None
            case 12:
                return self.struct()
        raise ValueError(f"no header of a page has the type {kind}")

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("no number of a header is so long")

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]
