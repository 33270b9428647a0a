"""Which rows mean nearly the same as one that was kept before?

Rows are taken a few hundred at a time: their embeddings are asked for together, and compared with those of all rows
kept before, block by block. What is kept lies on disk, so memory does not grow with the data; time grows with its
square.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from slipway.api.dataset_semantic import Semantic
from slipway.contract.job import Store
from slipway_data.alone import Done
from slipway_data.dedupe import Twin, duplicate
from slipway_data.embed import Embedder, Embedding
from slipway_data.grid import Grid, alike, cosine_percent, dots, squares
from slipway_data.rows import EMBEDDING_FAILED, Rejected, Row
from slipway_data.sources.web import REAL, Clock
from slipway_data.split import Ties

TOGETHER = 512
"""Rows whose embeddings are asked for and compared together."""
TOGETHER_CHARACTERS = 8_000_000
BLOCK = 1024
"""Rows of one block: with 3,072 numbers each, 6 MiB on disk and twice that in memory."""

Numbered = tuple[int, Done]


class Meanings:
    """Rejects rows that mean nearly the same as one that was kept before."""

    def __init__(
        self,
        wanted: Semantic,
        number: int,
        store: Store,
        database: sqlite3.Connection,
        ties: Ties,
        environment: Mapping[str, str],
        clock: Clock = REAL,
    ) -> None:
        self._parallel, self._ties = wanted.parallel, ties
        self._embedder = Embedder(wanted, number, store, database, environment, clock)
        self._seen = SemanticSeen(database, number, wanted.similarity_percent)

    def stage(self, items: Iterator[Numbered], number: int) -> Iterator[Numbered]:
        """Yield `items` in their order, duplicates as rejections by step `number`. The first of alike rows is kept."""
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="embedding")
        try:
            for together in _together(items):
                yield from self._judged(pool, together, number)
        finally:
            pool.shutdown(cancel_futures=True)  # what is on its way is waited for, and kept

    def _judged(self, pool: ThreadPoolExecutor, together: Sequence[Numbered], number: int) -> Iterator[Numbered]:
        rows = [done.item for _, done in together if isinstance(done.item, Row)]
        told = self._told(rows, self._embedder.embed(pool, [row.content.text for row in rows]))
        for at, done in together:
            yield at, done if isinstance(done.item, Rejected) else Done(next(told), number, done.added)

    def _told(self, rows: Sequence[Row], embedded: Sequence[Embedding]) -> Iterator[Row | Rejected]:
        pairs = zip(rows, embedded, strict=True)
        twins = iter(self._seen.twins([(row, found.grid()) for row, found in pairs if not found.fault]))
        for row, found in zip(rows, embedded, strict=True):
            if found.fault:
                yield Rejected(row.id, EMBEDDING_FAILED, found.fault)
            else:
                twin = next(twins)
                yield row if twin is None else duplicate(row, twin, self._ties)


class SemanticSeen:
    """Remembers the directions of the rows that were kept, in tables of its own in `database`."""

    def __init__(self, database: sqlite3.Connection, number: int, percent: int) -> None:
        self._database, self._percent = database, percent
        self._rows, self._blocks = f"meant_{number}", f"directions_{number}"
        database.execute(f"CREATE TABLE {self._rows} (number INTEGER PRIMARY KEY, id TEXT, grp TEXT)")
        database.execute(f"CREATE TABLE {self._blocks} (number INTEGER PRIMARY KEY, grids BLOB)")
        self._newest: list[Grid] = []
        """Of the rows that fill no block yet."""
        self._count = 0

    def twins(self, rows: Sequence[tuple[Row, Grid]]) -> list[Twin | None]:
        """Return for each row the first kept row that it is like; remember those for which there is none."""
        found: dict[int, Twin] = {}
        for first, block in self._kept():
            found |= self._hits(rows, [at for at in range(len(rows)) if at not in found], first, block)
        self._keep(rows, found)
        return [found.get(at) for at in range(len(rows))]

    def _hits(self, rows: Sequence[tuple[Row, Grid]], open: Sequence[int], first: int, block: Grid) -> dict[int, Twin]:
        """Return the twins of those `open` that have one in `block`, whose first row has the number `first`."""
        if not open:
            return {}
        these = np.stack([rows[at][1] for at in open])
        product, mine, others = dots(these, block), squares(these), squares(block)
        like = alike(product, mine, others, self._percent)
        found = {}
        for line in np.flatnonzero(like.any(axis=1)).tolist():
            column = int(like[line].argmax())
            percent = cosine_percent(int(product[line, column]), int(mine[line]), int(others[column]))
            found[open[line]] = self._twin(first + column, percent)
        return found

    def _keep(self, rows: Sequence[tuple[Row, Grid]], found: dict[int, Twin]) -> None:
        """Remember the rows that have no twin in `found`; one that is like another of them gets it as its twin."""
        open = [at for at in range(len(rows)) if at not in found]
        if not open:
            return
        grids = np.stack([rows[at][1] for at in open])
        product, lengths = dots(grids, grids), squares(grids)
        like = alike(product, lengths, lengths, self._percent)
        kept: list[int] = []
        for line, at in enumerate(open):
            column = next((one for one in kept if like[line, one]), None)
            if column is None:
                kept.append(line)
                self._remember(*rows[at])
                continue
            row = rows[open[column]][0]
            percent = cosine_percent(int(product[line, column]), int(lengths[line]), int(lengths[column]))
            found[at] = Twin(row.id, row.group, percent)

    def _remember(self, row: Row, direction: Grid) -> None:
        self._database.execute(f"INSERT INTO {self._rows} VALUES (?, ?, ?)", (self._count, row.id, row.group))
        self._count += 1
        self._newest.append(direction)
        if len(self._newest) == BLOCK:
            blob = np.stack(self._newest).tobytes()
            self._database.execute(f"INSERT INTO {self._blocks} VALUES (?, ?)", (self._count - BLOCK, blob))
            self._newest = []

    def _kept(self) -> Iterator[tuple[int, Grid]]:
        """Yield the blocks of kept directions, each after the number of its first row, in the order of rows."""
        for first in range(0, self._count - len(self._newest), BLOCK):
            query = f"SELECT grids FROM {self._blocks} WHERE number = ?"
            (blob,) = self._database.execute(query, (first,)).fetchone()
            yield first, np.frombuffer(blob, dtype=np.int16).reshape(BLOCK, -1)
        if self._newest:
            yield self._count - len(self._newest), np.stack(self._newest)

    def _twin(self, number: int, percent: int) -> Twin:
        query = f"SELECT id, grp FROM {self._rows} WHERE number = ?"
        id, group = self._database.execute(query, (number,)).fetchone()
        return Twin(id, group, percent)


def _together(items: Iterator[Numbered]) -> Iterator[list[Numbered]]:
    batch: list[Numbered] = []
    characters = 0
    for number, done in items:
        batch.append((number, done))
        characters += len(done.item.content.text) if isinstance(done.item, Row) else 0
        if len(batch) >= TOGETHER or characters >= TOGETHER_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
