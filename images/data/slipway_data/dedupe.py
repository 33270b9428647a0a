"""Was a row like this one kept already?

MinHash signatures cut into bands find candidates; the exact Jaccard similarity of their shingles decides. The index
lies on disk, so memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slipway.api.dataset_steps import Deduplicate
from slipway_data.rows import DUPLICATE, Rejected, Row
from slipway_data.sketch import Sketch, banding, sketch
from slipway_data.split import Ties
from slipway_data.word_hashes import Hashes


@dataclass(frozen=True)
class Twin:
    """A row kept before that a new one is like."""

    id: str
    group: str
    similarity_percent: int


class Seen(Protocol):
    """Remembers the rows that were kept."""

    def twin(self, row: Row, drawn: Sketch | None = None) -> Twin | None:
        """Return a kept row that `row` is like; remember `row` where there is none.

        `drawn` is the sketch of `row`, where it was drawn before.
        """


def seen(step: Deduplicate, database: sqlite3.Connection, number: int = 1) -> Seen:
    """Return the memory that `step`, the `number`th of its job, asks for, kept in tables of its own in `database`."""
    if step.method == "Exact":
        return ExactSeen(database, number)
    return MinHashSeen(database, number, step.similarity_percent)


def duplicate(row: Row, twin: Twin, ties: Ties) -> Rejected:
    """Return what becomes of a row that is like its twin; note in `ties` that their groups belong together."""
    # Groups that share a row mostly share more: in two splits, one would be trained on what the other tests.
    # Rows of a mix have their splits already.
    if not row.split:
        ties.tie(row.group, twin.group)
    said = f"{twin.similarity_percent} percent like {twin.id}"
    return Rejected(row.id, DUPLICATE, said, like=twin.id, similarity_percent=twin.similarity_percent)


def normalised(text: str) -> str:
    """Return `text` with composed characters and single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


class ExactSeen:
    """Rows are alike when their normalised texts are equal."""

    def __init__(self, database: sqlite3.Connection, number: int) -> None:
        self._database, self._table = database, f"exact_{number}"
        database.execute(f"CREATE TABLE {self._table} (digest BLOB PRIMARY KEY, id TEXT, grp TEXT) WITHOUT ROWID")

    def twin(self, row: Row, drawn: Sketch | None = None) -> Twin | None:
        """Return a kept row with the same text; remember `row` where there is none."""
        digest = hashlib.sha256(normalised(row.content.text).encode()).digest()
        found = self._database.execute(f"SELECT id, grp FROM {self._table} WHERE digest = ?", (digest,)).fetchone()
        if found is not None:
            return Twin(found[0], found[1], 100)
        self._database.execute(f"INSERT INTO {self._table} VALUES (?, ?, ?)", (digest, row.id, row.group))
        return None


class MinHashSeen:
    """Rows are alike when their sets of shingles are similar."""

    def __init__(self, database: sqlite3.Connection, number: int, similarity_percent: int) -> None:
        self._database, self._kept, self._index = database, f"kept_{number}", f"bands_{number}"
        self._percent = similarity_percent
        self._bands, self._size = banding(similarity_percent / 100)
        database.execute(f"CREATE TABLE {self._kept} (number INTEGER PRIMARY KEY, id TEXT, grp TEXT, shingles BLOB)")
        columns = "band INTEGER, number INTEGER, PRIMARY KEY (band, number)"
        database.execute(f"CREATE TABLE {self._index} ({columns}) WITHOUT ROWID")
        marks = ",".join("?" * self._bands)
        self._query = f"SELECT DISTINCT number FROM {self._index} WHERE band IN ({marks}) ORDER BY number"
        # How long a blob is stands before it: most that are of another size are not read.
        self._near = f"SELECT id, grp, shingles FROM {self._kept} WHERE number = ? AND length(shingles) BETWEEN ? AND ?"

    def twin(self, row: Row, drawn: Sketch | None = None) -> Twin | None:
        """Return the first kept row that `row` is like; remember `row` where there is none."""
        mine = drawn or sketch(row.content.text, self._bands, self._size)
        for (number,) in self._database.execute(self._query, mine.bands).fetchall():
            found = self._database.execute(self._near, (number, *self._sizes(len(mine.hashes)))).fetchone()
            if found is None:
                continue
            id, group, blob = found
            other = np.frombuffer(blob, dtype="<u8")
            shared = common(mine.hashes, other)
            union = len(mine.hashes) + len(other) - shared
            if shared * 100 >= self._percent * union:
                return Twin(id, group, shared * 100 // union)
        cursor = self._database.execute(
            f"INSERT INTO {self._kept} (id, grp, shingles) VALUES (?, ?, ?)", (row.id, row.group, mine.hashes.tobytes())
        )
        self._database.executemany(
            f"INSERT INTO {self._index} VALUES (?, ?)", [(band, cursor.lastrowid) for band in mine.bands]
        )
        return None

    def _sizes(self, size: int) -> tuple[int, int]:
        """Return how many bytes the hashes of a row may have at least and at most that is like one with `size` hashes.

        What two sets share is at most the smaller one, and their union at least the larger one.
        """
        return 8 * -(-size * self._percent // 100), 8 * (size * 100 // self._percent)


def common(one: Hashes, other: Hashes) -> int:
    """Return how many numbers two arrays have in common; each holds different ones in order."""
    both = np.concatenate((one, other))
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1]))
