"""Which rows does a Parquet file hold?

It is read page by page, a few rows at a time, so neither a large file nor a large row group fills the memory. What a
page or a row takes, nobody knows before it is there (a kilobyte may become gigabytes), so all this is done in a process
that may take so much and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.api.dataset import Schema
from slipway_data import bounded
from slipway_data.bounded import MIB
from slipway_data.parquet_pages import Chunk, emptied
from slipway_data.raw import LINE_LIMIT, RawFile, Refused
from slipway_data.rows import SCHEMA_VIOLATION, UNREADABLE_FILE, WRONG_ENCODING, Parsed, Rejected
from slipway_data.schema import parsed

MEMORY = 608 * MIB
"""What may be taken to read a file. A row of 200 MiB fits, so that those around it can be read."""
COPIES = 3
"""How often the content of a page is there when it is read: unpacked, as Arrow has it, and room that Arrow asks for."""
BATCH_ROWS = 256
BATCH_BYTES = 16 * MIB
BUFFER = MIB
"""Bytes that are read ahead of each column."""
COLUMNS: dict[Schema, tuple[str, ...]] = {
    "Chat": ("messages",),
    "Completion": ("prompt", "completion"),
    "Preference": ("prompt", "chosen", "rejected"),
}
OPTIONAL = ("project",)
BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises at bytes that are not what the file's index promises."""
MOST_LOST = 2**31 - 1
"""Rows that are believed to be lost together: how many there were, only a damaged file says."""


def read(file: RawFile, schema: Schema, columns: frozenset[str] = frozenset()) -> Iterator[Parsed | Rejected]:
    """Yield the rows of `file`, and a rejection for every row, row group or file that gives none.

    A row's id is its number in the file, from 1. It gets those of `columns` that the file has; others are not read.
    """
    told, last = 0, 0
    try:
        with file.spooled() as spool:
            for item in bounded.items(MEMORY, rows, spool, file.path, schema, columns, MEMORY):
                if isinstance(item, int):
                    last = item
                else:
                    told += item.rows if isinstance(item, Rejected) else 1
                    yield item
    except Refused as error:
        yield error.rejected(file.path)
    except bounded.Exhausted:
        if last:
            why = f"to read them takes {_more(MEMORY)}, or brings down their reader"
            yield _lost(file.path, told + 1, last, why)
        else:
            message = f"to read its index takes {_more(MEMORY)}, or brings down its reader: write the file anew"
            yield Rejected(file.path, UNREADABLE_FILE, message)


def rows(
    spool: Path, path: str, schema: Schema, columns: frozenset[str], memory: int
) -> Iterator[Parsed | Rejected | int]:
    """Yield the number of rows of the file that lies at `spool`, then what `read` tells of them."""
    try:
        reading = _opened(spool, path, schema, columns, memory)
    except Refused as error:
        yield error.rejected(path)
        return
    yield reading.held
    yield from reading.rows()


def _opened(spool: Path, path: str, schema: Schema, columns: frozenset[str], memory: int) -> _Reading:
    try:
        parquet = pq.ParquetFile(spool, buffer_size=BUFFER, pre_buffer=False)
        return _Reading(path, spool, parquet, schema, columns, memory)
    except MemoryError:
        raise
    except BROKEN as error:
        message = (
            "it is no Parquet file, or its end is missing: copy it anew, or leave it out by source include patterns"
        )
        raise Refused(UNREADABLE_FILE, message) from error


def _lost(path: str, first: int, last: int, why: str) -> Rejected:
    """Return the entry of rows that are lost together."""
    which = f"rows {first} to {last} are" if last > first else f"row {first} is"
    count = min(max(1, last - first + 1), MOST_LOST)
    return Rejected(f"{path}:{first}", UNREADABLE_FILE, f"{which} lost: {why}", rows=count)


def _more(memory: int) -> str:
    return f"more than {memory // MIB} MiB of memory"


def _too_large(where: str, size: int) -> Rejected:
    message = f"the row has {size // MIB} MiB, {LINE_LIMIT // MIB} are the most: cut it into several rows"
    return Rejected(where, UNREADABLE_FILE, message)


class _Reading:
    """The rows of one open file."""

    def __init__(
        self,
        path: str,
        spool: Path,
        parquet: pq.ParquetFile,
        schema: Schema,
        more: frozenset[str],
        memory: int,
    ) -> None:
        self._path, self._spool, self._parquet, self._schema, self._more = path, spool, parquet, schema, more
        self._memory = memory
        held = parquet.schema_arrow
        wanted = sorted(name for name in more if held.get_field_index(name) >= 0)
        self._columns = list(dict.fromkeys([*_columns(held, schema), *wanted]))
        self.held: int = parquet.metadata.num_rows

    def rows(self) -> Iterator[Parsed | Rejected]:
        first = 1
        for group in range(self._parquet.num_row_groups):
            yield from self._group(group, first)
            first += self._parquet.metadata.row_group(group).num_rows

    def _group(self, group: int, first: int) -> Iterator[Parsed | Rejected]:
        """Yield the rows of a row group, whose first row has the number `first`. A damaged one leaves the others.

        Where rows cannot be read together, they are read one by one, without the pages that are too large. That goes as
        far as the first that cannot be read even so: pages are only found in their order.
        """
        held = self._parquet.metadata.row_group(group)
        number, last = first, first + held.num_rows - 1
        why, left_out = "", dict[range, Rejected]()
        for alone in (False, True):
            try:
                for batch, at in self._from(group, number - first, alone=alone):
                    gone = next((numbers for numbers in left_out if number in numbers), None)
                    if gone is None:
                        yield self._row(f"{self._path}:{number}", batch, at)
                    elif number == gone.start:
                        yield left_out[gone]
                    number += 1
                return
            except MemoryError:
                more = f"to read them takes {_more(self._memory)}"
                why = f"{more}; cut the largest of them, or write row groups of fewer rows"
                left_out = left_out or self._left_out(held, first, number)
            except BROKEN:
                why = "the file is damaged; copy it anew"
        yield _lost(self._path, number, last, why)

    def _left_out(self, held: pq.RowGroupMetaData, first: int, least: int) -> dict[range, Rejected]:
        """Empty the pages of a group that are too large, and return which rows that costs, from number `least` on."""
        found = dict[range, Rejected]()
        with self._spool.open("r+b") as file:
            for page in emptied(file, self._flat(held), self._memory // COPIES):
                stop = min(page.rows.stop, held.num_rows)
                numbers = range(max(least, first + page.rows.start), first + stop)
                if len(numbers) == 1:
                    found[numbers] = _too_large(f"{self._path}:{numbers.start}", page.bytes)
                elif numbers:
                    why = f"a page of {page.bytes // MIB} MiB is too large to be read; cut the largest of them"
                    found[numbers] = _lost(self._path, numbers.start, numbers.stop - 1, why)
        return found

    def _flat(self, held: pq.RowGroupMetaData) -> Iterator[Chunk]:
        """Yield where the columns of a group lie that have one value for each row, of those that are read."""
        for at in range(held.num_columns):
            chunk, column = held.column(at), self._parquet.schema.column(at)
            if chunk.path_in_schema in self._columns and not column.max_repetition_level:
                start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
                yield Chunk(start, start + chunk.total_compressed_size, nullable=column.max_definition_level > 0)

    def _from(self, group: int, skipped: int, *, alone: bool) -> Iterator[tuple[_Batch, int]]:
        """Yield every row of a group after the first `skipped`, as its batch and place, read together or `alone`."""
        together, read = 1 if alone else self._together(group), 0
        for found in self._parquet.iter_batches(together, row_groups=[group], columns=self._columns, use_threads=False):
            batch = _Batch(found)
            yield from ((batch, at) for at in range(max(0, skipped - read), found.num_rows))
            read += found.num_rows

    def _together(self, group: int) -> int:
        """Return how many rows of a group are read together, if they are as large as the file says."""
        held = self._parquet.metadata.row_group(group)
        chunks = [held.column(at) for at in range(held.num_columns)]
        size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] in self._columns)
        average = size // max(1, held.num_rows)
        return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, average)))

    def _row(self, where: str, batch: _Batch, at: int) -> Parsed | Rejected:
        try:
            if (size := batch.size(at)) > LINE_LIMIT:
                return _too_large(where, size)
            return parsed(where, batch.row(at), self._schema, self._more)
        except UnicodeDecodeError as error:
            return Rejected(where, WRONG_ENCODING, f"a text is not UTF-8 at its byte {error.start}: write it as UTF-8")
        except MemoryError:
            message = f"to read the row takes {_more(self._memory)}: cut it into several rows"
            return Rejected(where, UNREADABLE_FILE, message)
        except Refused as error:
            return error.rejected(where)


class _Batch:
    """Rows that were read together."""

    def __init__(self, found: pa.RecordBatch) -> None:
        self._found = found
        self._bytes: int = found.nbytes

    def row(self, at: int) -> dict[str, Any]:
        """Return a row. Only one at a time: as Python objects, a batch takes several times its size."""
        found: dict[str, Any] = self._found.slice(at, 1).to_pylist()[0]
        return found

    def size(self, at: int) -> int:
        """Return the bytes of a row; where all together are no more than one row may have, those of all."""
        return self._bytes if self._bytes <= LINE_LIMIT else sum(map(_own_size, self._found.slice(at, 1).columns))


def _own_size(values: pa.Array) -> int:
    """Return the bytes of `values`; Arrow counts a dictionary, or a buffer, that they share with others."""
    kind = values.type
    if pa.types.is_struct(kind):
        return sum(map(_own_size, values.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _own_size(values.flatten())
    if pa.types.is_dictionary(kind):
        return int(values.dictionary_decode().nbytes)
    return int(values.cast(pa.large_string()).nbytes if kind == pa.string_view() else values.nbytes)


def _columns(found: pa.Schema, schema: Schema) -> list[str]:
    """Return the columns to read; raise Refused at one that is missing or of another type."""
    wanted = COLUMNS[schema]
    for name in wanted:
        if found.get_field_index(name) < 0:
            raise Refused(
                SCHEMA_VIOLATION,
                f"there is no column {name}, or more than one: the schema {schema} wants {' and '.join(wanted)}; name "
                "the file's columns so, or correct schema",
            )
    optional = [name for name in OPTIONAL if found.get_field_index(name) >= 0]
    for name in (*wanted, *optional):
        held = found.field(name).type
        turns = name == "messages" or (schema == "Preference" and name in wanted)
        right = _is_chat(held) if turns else _is_text(held)
        if not right:
            needed = "a list of {role: string, content: string}" if turns else "string"
            raise Refused(SCHEMA_VIOLATION, f"the column {name} is {held}, not {needed}: write it as that")
    return [*wanted, *optional]


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # A column of nothing but nulls has no type of its own; its rows are refused one by one.
    return kind in (pa.string(), pa.large_string(), pa.string_view(), pa.null())


def _is_chat(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
        return False
    turn = kind.value_type
    fields = {turn.field(at).name: turn.field(at).type for at in range(turn.num_fields)}
    return all(name in fields and _is_text(fields[name]) for name in ("role", "content"))
