"""What tells rows apart where no balance step says it: their Dataset, project, folder or licence?"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter

from slipway_data.balance import SHOWN

DEEPEST = 8
"""Folders of a path that are looked at."""


def told_apart(database: sqlite3.Connection, *, mixed: bool) -> str | None:
    """Make `categories` what says most of the kept rows, as a view, and return what that is; None where nothing does.

    `mixed` says that they come from other Datasets. What all rows share says nothing, and neither does what nearly
    every row has for itself; of folders the deepest count that are not too many.
    """
    rows, licences = database.execute("SELECT COUNT(*), COUNT(DISTINCT licence) FROM rows").fetchone()
    depth = _depth(database, rows)
    if depth is None and not _says_something(licences, rows):
        return None
    by = "licence" if depth is None else "Dataset" if mixed else _kind(database)
    database.create_function("part", 1, lambda project: _part(project, depth or 1), deterministic=True)
    database.create_function("draw", 1, _draw, deterministic=True)
    named = "licence" if depth is None else "part(project)"
    database.execute(f"CREATE TEMP VIEW categories AS SELECT id, {named} AS category, draw(content) AS draw FROM rows")
    return by


def _says_something(count: int, rows: int) -> bool:
    return 1 < count <= SHOWN and 2 * count <= rows


def _depth(database: sqlite3.Connection, rows: int) -> int | None:
    """Return how many folders of its project's name tell a row apart best; None where none do."""
    found: dict[int, Counter[str]] = {depth: Counter() for depth in range(1, DEEPEST + 1)}
    for project, count in database.execute("SELECT project, COUNT(*) FROM rows GROUP BY project"):
        for depth, counts in list(found.items()):
            counts[_part(project, depth)] += count
            if len(counts) > SHOWN:
                del found[depth]  # so memory grows with neither rows nor folders
    fitting = [depth for depth, counts in found.items() if _says_something(len(counts), rows)]
    most = max((len(found[depth]) for depth in fitting), default=0)
    return next((depth for depth in fitting if len(found[depth]) == most), None)


def _kind(database: sqlite3.Connection) -> str:
    """Return what the names of projects are: the rows' own word, or the folders of their files."""
    database.create_function("folder", 1, lambda path: path.rpartition("/")[0], deterministic=True)
    query = "SELECT EXISTS (SELECT 1 FROM rows WHERE project != folder(path))"
    (own,) = database.execute(query).fetchone()
    return "project" if own else "folder"


def _part(project: str, depth: int) -> str:
    return "/".join(project.split("/", depth)[:depth])


def _draw(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()[:16]
