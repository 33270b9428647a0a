"""Which rows does a Parquet file hold?

It is read page by page, a few rows at a time, so neither a large file nor a large row group fills the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.api.dataset import Schema
from slipway_data.raw import LINE_LIMIT, RawFile, Refused
from slipway_data.rows import SCHEMA_VIOLATION, UNREADABLE_FILE, WRONG_ENCODING, Parsed, Rejected
from slipway_data.schema import parsed

BATCH_ROWS = 256
BATCH_BYTES = 16 * 1024 * 1024
BUFFER = 1024 * 1024
"""Bytes that are read ahead of each column."""
COLUMNS: dict[Schema, tuple[str, ...]] = {
    "Chat": ("messages",),
    "Completion": ("prompt", "completion"),
    "Preference": ("prompt", "chosen", "rejected"),
}
OPTIONAL = ("project",)
BROKEN = (pa.ArrowException, OSError)
"""What pyarrow raises at bytes that are not what the file's index promises."""


def read(file: RawFile, schema: Schema, columns: frozenset[str] = frozenset()) -> Iterator[Parsed | Rejected]:
    """Yield the rows of `file`, and a rejection for every row, row group or file that gives none.

    A row's id is its number in the file, from 1. It gets those of `columns` that the file has; others are not read.
    """
    try:
        with file.spooled() as spool, _opened(spool) as parquet:
            yield from _Reading(file.path, parquet, schema, columns).rows()
    except Refused as error:
        yield error.rejected(file.path)


def _opened(spool: IO[bytes]) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(spool, buffer_size=BUFFER, pre_buffer=False)
    except BROKEN as error:
        message = (
            "it is no Parquet file, or its end is missing: copy it anew, or leave it out by source include patterns"
        )
        raise Refused(UNREADABLE_FILE, message) from error


class _Reading:
    """The rows of one open file."""

    def __init__(self, path: str, parquet: pq.ParquetFile, schema: Schema, columns: frozenset[str]) -> None:
        self._path, self._parquet, self._schema, self._more = path, parquet, schema, columns
        held = parquet.schema_arrow
        more = sorted(name for name in columns if held.get_field_index(name) >= 0)
        self._columns = list(dict.fromkeys([*_columns(held, schema), *more]))

    def rows(self) -> Iterator[Parsed | Rejected]:
        first = 1
        for group in range(self._parquet.num_row_groups):
            yield from self._group(group, first)
            first += self._parquet.metadata.row_group(group).num_rows

    def _group(self, group: int, first: int) -> Iterator[Parsed | Rejected]:
        """Yield the rows of a row group, whose first row has the number `first`. A damaged one leaves the others."""
        held = self._parquet.metadata.row_group(group)
        chunks = [held.column(at) for at in range(held.num_columns)]
        size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] in self._columns)
        average = size // max(1, held.num_rows)
        number, last = first, first + held.num_rows - 1
        if average > LINE_LIMIT:
            message = f"rows {first} to {last} have {average >> 20} MiB on average: cut them into several rows"
            yield Rejected(f"{self._path}:{first}", UNREADABLE_FILE, message)
            return
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, average)))
        try:
            for batch in self._parquet.iter_batches(rows, row_groups=[group], columns=self._columns, use_threads=False):
                # One row at a time: as Python objects, a batch takes several times its size.
                for at in range(batch.num_rows):
                    yield self._row(f"{self._path}:{number}", batch.slice(at, 1))
                    number += 1
        except BROKEN:
            message = f"the file is damaged, rows {number} to {last} are lost: copy it anew"
            yield Rejected(f"{self._path}:{number}", UNREADABLE_FILE, message)

    def _row(self, where: str, row: pa.RecordBatch) -> Parsed | Rejected:
        try:
            found = parsed(where, row.to_pylist()[0], self._schema, self._more)
        except UnicodeDecodeError as error:
            return Rejected(where, WRONG_ENCODING, f"a text is not UTF-8 at its byte {error.start}: write it as UTF-8")
        except Refused as error:
            return error.rejected(where)
        if len(found.content.text) > LINE_LIMIT:
            message = f"more than {LINE_LIMIT >> 20} Mi characters: cut it into several rows"
            return Rejected(where, UNREADABLE_FILE, message)
        return found


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
