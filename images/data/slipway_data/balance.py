"""Which rows are too many for their category?"""

from __future__ import annotations

import hashlib
import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator

from slipway.api.dataset_steps import Balance, Step
from slipway_data.rows import SCHEMA_VIOLATION, SURPLUS, Rejected, Row
from slipway_pod.errors import BadData

SHOWN = 100
"""Categories that the dataset's card counts, the largest first."""


def asked_for(steps: Iterable[Step]) -> Balance | None:
    """Return the step that balances, if there is one."""
    return next((step.chosen for step in steps if isinstance(step.chosen, Balance)), None)


class Categories:
    """Notes in `database` the category of every row that comes by, and draws a place for the row in it."""

    def __init__(self, step: Balance, database: sqlite3.Connection) -> None:
        self._step, self._database = step, database
        database.execute("CREATE TABLE categories (id TEXT PRIMARY KEY, category TEXT, draw BLOB) WITHOUT ROWID")

    def __call__(self, row: Row) -> Row | Rejected:
        """Return the row as it is, or a rejection where its column is no name of a category."""
        category = self._category(row)
        if not isinstance(category, str | int):
            message = f"{self._step.column}: it is neither text nor a whole number, so it names no category"
            return Rejected(row.id, SCHEMA_VIOLATION, message)
        # By content, not by id: inserting a line must not draw anew for the lines after it.
        draw = hashlib.sha256(row.content.text.encode()).digest()[:16]
        # Of two rows with one id the first stays (see prepare), so its category does.
        self._database.execute("INSERT OR IGNORE INTO categories VALUES (?, ?, ?)", (row.id, str(category), draw))
        return row

    def _category(self, row: Row) -> object:
        match self._step.by:
            case "Folder":
                return row.path.rpartition("/")[0]
            case "Project":
                return row.project
            case _:
                found = row.columns.get(self._step.column or "")
                return "" if found is None else found


def surplus(step: Balance, database: sqlite3.Connection) -> Iterator[Rejected]:
    """Take what is too much out of the rows, and yield each as an entry of the report, in the order of ids.

    Raises BadData where no choice of rows would do.
    """
    query = "SELECT category, COUNT(*) FROM categories JOIN rows USING (id) GROUP BY category"
    counts = dict(database.execute(query).fetchall())
    most = bound(counts.values(), step)
    query = """
        SELECT id, category FROM (
            SELECT id, category, ROW_NUMBER() OVER (PARTITION BY category ORDER BY draw, id) AS place
            FROM categories JOIN rows USING (id)
        ) WHERE place > ? ORDER BY id
    """
    for id, category in database.execute(query, (most,)):
        database.execute("DELETE FROM rows WHERE id = ?", (id,))
        yield Rejected(id, SURPLUS, f"its category has {counts[category]} rows, balance leaves {most}")


def bound(counts: Collection[int], step: Balance) -> int:
    """Return how many rows a category may keep; `counts` are the rows that each has."""
    most = max(counts, default=0)
    if step.max_rows is not None:
        most = min(most, step.max_rows)
    percent = step.max_percent
    if percent is None or not counts:
        return most
    if len(counts) * percent < 100:
        raise BadData(
            "TooFewCategories",
            f"balance.maxPercent: of {len(counts)} categories, not every one can have at most {percent} percent of the "
            f"rows: set it to {-(-100 // len(counts))} or more, use maxRows instead, or add categories",
        )

    def exceeded(limit: int) -> bool:
        # The largest category keeps `limit` rows then, and has the greater share the greater `limit` is.
        return limit * 100 > percent * sum(min(count, limit) for count in counts)

    return bisect_left(range(1, most + 1), True, key=exceeded)


def counted(step: Balance | None, database: sqlite3.Connection) -> dict[str, int] | None:
    """Return how many rows of the largest categories the dataset has; None where nobody asked for balance."""
    return None if step is None else largest(database)


def largest(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows of the largest categories the dataset has, the largest first."""
    query = """
        SELECT category, COUNT(*) FROM categories JOIN rows USING (id)
        GROUP BY category ORDER BY COUNT(*) DESC, category LIMIT ?
    """
    return dict(database.execute(query, (SHOWN,)).fetchall())
