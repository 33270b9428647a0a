"""Which rows does an augment step add, and which of them are kept?

A row that was added is called by the one that it was made from, with + and a number, and is of its group, so of its
split. Only those to train on are kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from slipway.api.dataset import Split
from slipway_data.alone import Done
from slipway_data.annotate import FromTemplate
from slipway_data.rows import DUPLICATE, NOT_FOR_TRAINING, Rejected, Row
from slipway_data.split import Ties, place


class Variants:
    """Adds the rows that a template makes of each row."""

    def __init__(self, writer: FromTemplate, count: int) -> None:
        self._writer, self._count = writer, count

    def stage(self, items: Iterator[tuple[int, Done]], number: int) -> Iterator[tuple[int, Done]]:
        """Yield `items` in their order, each row followed by those made of it by step `number`."""
        for at, done in items:
            yield at, done
            if isinstance(row := done.item, Row):
                for variant in range(1, self._count + 1):
                    made = self._writer(copy(row, variant), variant)
                    yield at, Done(unlike(row, made), number, number)


def copy(row: Row, variant: int) -> Row:
    """Return `row` as the row that will be its `variant`."""
    return replace(row, id=f"{row.id}+{variant}")


def unlike(row: Row, made: Row | Rejected) -> Row | Rejected:
    """Return what was `made` of `row`, or a rejection where it is the same again."""
    if isinstance(made, Row) and made.content == row.content:
        said = f"it says what {row.id} says, which it was made from"
        return Rejected(made.id, DUPLICATE, said, like=row.id, similarity_percent=100)
    return made


def not_for_training(database: sqlite3.Connection, ties: Ties, split: Split) -> Iterator[tuple[int, Rejected]]:
    """Take what was added to other splits out of the table; yield each with the step that added it, in order of ids."""
    database.create_function("part", 2, lambda group, fixed: fixed or place(ties.name(group), split))
    database.execute("CREATE TABLE elsewhere (id TEXT PRIMARY KEY, added INTEGER, part TEXT) WITHOUT ROWID")
    database.execute("INSERT INTO elsewhere SELECT id, added, part(grp, split) FROM rows WHERE added > 0")
    for id, added, part in database.execute("SELECT id, added, part FROM elsewhere WHERE part != 'train' ORDER BY id"):
        database.execute("DELETE FROM rows WHERE id = ?", (id,))
        yield added, Rejected(id, NOT_FOR_TRAINING, f"what it was made from is in {part}, and only train is added to")
