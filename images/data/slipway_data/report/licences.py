"""Which licences did the rows come under?"""

from __future__ import annotations

import sqlite3

from slipway.api.dataset_source import Source
from slipway.contract.dataset_report import Licences, Licensed
from slipway_pod.visible import one_line

SHOWN = 100

COUNTED = """
    WITH kept AS (
        SELECT licence, COUNT(*) AS number, COUNT(DISTINCT path) AS files, MIN(id) AS example FROM rows GROUP BY licence
    )
    SELECT licence, IFNULL(kept.number, 0) AS held, IFNULL(files, 0), IFNULL(gone.number, 0) AS lost,
        IFNULL(example, '')
    FROM (SELECT licence FROM kept UNION SELECT licence FROM licences_left_out)
    LEFT JOIN kept USING (licence) LEFT JOIN licences_left_out AS gone USING (licence)
    ORDER BY held DESC, lost DESC, licence
"""
"""The database sorts on disk, so that memory grows neither with the rows nor with what they call their licence."""


def rows_by_licence(source: Source, database: sqlite3.Connection) -> Licences | None:
    """Return the licences of the rows kept, and of those that were left out for theirs.

    None where rows have none of their own: those of other Datasets, and what users said.
    """
    if source.datasets is not None or source.feedback is not None:
        return None
    (count,) = database.execute(f"SELECT COUNT(*) FROM ({COUNTED})").fetchone()
    found = database.execute(f"{COUNTED} LIMIT ?", (SHOWN,)).fetchall()
    largest = tuple(
        Licensed(licence=one_line(said), rows=rows, files=files, left_out=lost, example=one_line(example))
        for said, rows, files, lost, example in found
    )
    return Licences(count=count, largest=largest)
