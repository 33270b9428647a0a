"""How are rows written so that equal rows give equal bytes?"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.api.dataset import Schema
from slipway_data.rows import Row

GROUP_ROWS = 1_000
SHARD_ROWS = 100_000
SHARD_CHARACTERS = 256 * 1024 * 1024

MESSAGE = pa.struct([pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string(), nullable=False)])
IDENTITY = [pa.field("id", pa.string(), nullable=False), pa.field("group", pa.string(), nullable=False)]
MESSAGES = pa.list_(pa.field("item", MESSAGE, nullable=False))
SCHEMAS: dict[Schema, pa.Schema] = {
    "Chat": pa.schema([*IDENTITY, pa.field("messages", MESSAGES, nullable=False)]),
    "Completion": pa.schema(
        [
            *IDENTITY,
            pa.field("prompt", pa.string(), nullable=False),
            pa.field("completion", pa.string(), nullable=False),
        ]
    ),
    "Preference": pa.schema(
        [*IDENTITY, *(pa.field(name, MESSAGES, nullable=False) for name in ("prompt", "chosen", "rejected"))]
    ),
}


class Shards:
    """Writes records, in the order they come, to `folder/00000.parquet` and on.

    Row groups and shards are cut by counts of records and of what they hold, never by time or memory. A row group is
    packed in the background, while the next one is gathered; what goes wrong with it is raised by the call after.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema = folder, schema
        self._writer: pq.ParquetWriter | None = None
        self._background = ThreadPoolExecutor(1)
        self._packing: Future[None] | None = None
        self._pending: list[Mapping[str, Any]] = []
        self._rows = self._characters = self._shards = 0
        self.count = 0

    def add(self, record: Mapping[str, Any], size: int) -> None:
        """Append a record; `size` is how many characters, or numbers, it holds."""
        self._pending.append(record)
        self._characters += size
        self._rows += 1
        self.count += 1
        full = self._rows >= SHARD_ROWS or self._characters >= SHARD_CHARACTERS
        if full or len(self._pending) >= GROUP_ROWS:
            self._flush()
        if full:
            self._end()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._end()
        self._background.shutdown()

    def _flush(self) -> None:
        if not self._pending:
            return
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._shards:05d}.parquet"
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=9)
            self._shards += 1
        self._packed()
        table = pa.Table.from_pylist(self._pending, schema=self._schema)
        self._pending = []
        self._packing = self._background.submit(self._writer.write_table, table, row_group_size=GROUP_ROWS)

    def _packed(self) -> None:
        """Wait for the row group before, so that no more than two are held."""
        if self._packing is not None:
            self._packing.result()
        self._packing = None

    def _end(self) -> None:
        self._packed()
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        self._rows = self._characters = 0


class ShardWriter(Shards):
    """Writes the rows of one split."""

    def __init__(self, folder: Path, schema: Schema) -> None:
        super().__init__(folder, SCHEMAS[schema])

    def write(self, row: Row) -> None:
        """Append one row."""
        self.add({"id": row.id, "group": row.group, **row.content.dump()}, len(row.content.text))
