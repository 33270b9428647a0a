"""Which categories do the kept rows have, and what do rows of each look like?"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from slipway.api.dataset_steps import Balance
from slipway.contract.dataset_report import Categories, Category, Sample
from slipway_data.balance import largest
from slipway_data.report.apart import told_apart
from slipway_data.report.kept import sample
from slipway_data.rows import Row, content_of
from slipway_pod.visible import one_line

SAMPLED = 20
"""Categories of which rows are shown."""
SAMPLES = 2

DRAWN = """
    SELECT category, id FROM (
        SELECT category, id, ROW_NUMBER() OVER (PARTITION BY category ORDER BY draw, id) AS place
        FROM categories JOIN rows USING (id)
    ) WHERE place <= ?
"""
"""The rows that balance would keep last; without such a step, rows drawn alike.

The database sorts on disk, whatever the number of rows.
"""


def rows_by_category(step: Balance | None, database: sqlite3.Connection, *, mixed: bool) -> Categories | None:
    """Return the number of categories, the largest of them, and some rows of these.

    They are those of a balance step; without one, what tells most of the rows, and None where nothing tells them apart.
    """
    by = told_apart(database, mixed=mixed) if step is None else step.column or step.by.lower()
    if by is None:
        return None
    counts = largest(database)
    (count,) = database.execute("SELECT COUNT(DISTINCT category) FROM categories JOIN rows USING (id)").fetchone()
    samples = _samples(list(counts)[:SAMPLED], database)
    found = (Category(name=one_line(name), rows=rows, samples=samples.get(name, ())) for name, rows in counts.items())
    return Categories(by=by, count=count, largest=tuple(found))


def _samples(names: Collection[str], database: sqlite3.Connection) -> dict[str, tuple[Sample, ...]]:
    found: dict[str, tuple[Sample, ...]] = dict.fromkeys(names, ())
    for name, id in database.execute(DRAWN, (SAMPLES,)):
        if name in found:
            group, content = database.execute("SELECT grp, content FROM rows WHERE id = ?", (id,)).fetchone()
            row = Row(id, group, content_of(json.loads(content)))
            found[name] += (sample(one_line(name), row),)
    return found
