"""Which rows does a file of JSON lines hold?"""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.dataset import Schema
from slipway_data.raw import RawFile, Refused, decoded
from slipway_data.rows import Parsed, Rejected
from slipway_data.schema import parsed


def read(file: RawFile, schema: Schema, columns: frozenset[str] = frozenset()) -> Iterator[Parsed | Rejected]:
    """Yield the row of every line of `file`, with those of `columns` that it has; reject every line that is no row."""
    number = 0
    try:
        for number, line in enumerate(file.lines(), start=1):
            where = f"{file.path}:{number}"
            if isinstance(line, Refused):
                yield line.rejected(where)
                continue
            if not line.strip():
                continue
            try:
                yield parsed(where, decoded(line), schema, columns)
            except Refused as error:
                yield error.rejected(where)
    except Refused as error:
        yield error.rejected(f"{file.path}:{number + 1}" if number else file.path)
