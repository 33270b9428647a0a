"""Which rows of which member does a mix keep?"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from slipway.contract.dataset import Mixed
from slipway.contract.job import MixMember
from slipway_data.dedupe import normalised
from slipway_data.rows import DUPLICATE, SURPLUS, Rejected, Row
from slipway_pod.errors import BadData


class Mix:
    """Keeps equal rows from standing in two splits, and notes in `database` which row is whose, with a draw for it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        columns = "text BLOB, split TEXT, id TEXT, PRIMARY KEY (text, split)"
        database.execute(f"CREATE TABLE mixed_texts ({columns}) WITHOUT ROWID")
        columns = "id TEXT PRIMARY KEY, member TEXT, split TEXT, draw BLOB"
        database.execute(f"CREATE TABLE mixed ({columns}) WITHOUT ROWID")

    def __call__(self, row: Row) -> Row | Rejected:
        """Return the row, or why it is left out: its text is in a split that was read before."""
        # By content, not by id: inserting a line must not draw anew for the lines after it.
        text = hashlib.sha256(normalised(row.content.text).encode()).digest()
        query = "SELECT id, split FROM mixed_texts WHERE text = ? AND split != ?"
        other = self._database.execute(query, (text, row.split)).fetchone()
        if other is not None:
            said = f"its text is that of {other[0]}, which is in {other[1]}"
            return Rejected(row.id, DUPLICATE, said, like=other[0], similarity_percent=100)
        self._database.execute("INSERT OR IGNORE INTO mixed_texts VALUES (?, ?, ?)", (text, row.split, row.id))
        # Its project is its member: see read_dataset.
        self._database.execute("INSERT INTO mixed VALUES (?, ?, ?, ?)", (row.id, row.project, row.split, text[:16]))
        return row


def surplus(members: Sequence[MixMember], database: sqlite3.Connection) -> Iterator[Rejected]:
    """Take rows out of the table until the members' weights hold in every split; yield each, in the order of ids.

    Raises BadData where a member has nothing left to train on: then no choice of rows has the shares asked for.
    """
    weights = {member.name: member.weight for member in members if member.weight is not None}
    if not weights:
        return
    held = counts(database)
    for name in weights:
        if not held["train"].get(name):
            raise BadData(
                "EmptyMember",
                f"source.datasets: no row of {name} is left to train on, so that the weights cannot hold: take it out "
                "of members, or loosen the steps that leave its rows out",
            )
    bounds = {split: shares(of, weights) for split, of in held.items()}
    query = """
        SELECT id, member, part, place FROM (
            SELECT id, member, mixed.split AS part,
                ROW_NUMBER() OVER (PARTITION BY member, mixed.split ORDER BY draw, id) AS place
            FROM mixed JOIN rows USING (id)
        ) ORDER BY id
    """
    for id, member, split, place in database.execute(query):
        if place > bounds[split][member]:
            database.execute("DELETE FROM rows WHERE id = ?", (id,))
            said = f"{member} has {held[split][member]} rows in {split}, its weight leaves {bounds[split][member]}"
            yield Rejected(id, SURPLUS, said)


def shares(held: Mapping[str, int], weights: Mapping[str, int]) -> dict[str, int]:
    """Return how many of the rows `held` each member may keep, so that the numbers are as the weights.

    The member that is shortest for its weight keeps all it has. A member without rows in this split has no part in it.
    """
    each = min((Fraction(count, weights[name]) for name, count in held.items() if count), default=Fraction())
    return {name: int(each * weights[name]) for name in held}


def counts(database: sqlite3.Connection) -> defaultdict[str, dict[str, int]]:
    """Return the rows that stand in the table, by split and member."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    query = "SELECT mixed.split, member, COUNT(*) FROM mixed JOIN rows USING (id) GROUP BY mixed.split, member"
    for split, member, count in database.execute(query):
        found[split][member] = count
    return found


def told(members: Sequence[MixMember], database: sqlite3.Connection) -> tuple[Mixed, ...] | None:
    """Return what the dataset's card says of its members; None where it is no mix."""
    if not members:
        return None
    held = counts(database)
    return tuple(
        Mixed(
            name=member.name,
            digest=member.artifact.digest,
            weight=member.weight,
            rows={split: of[member.name] for split, of in sorted(held.items()) if member.name in of},
        )
        for member in members
    )
