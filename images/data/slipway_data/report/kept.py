"""What do the rows look like that were kept?"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable

from slipway.api.dataset import Split
from slipway.contract.dataset_report import Bin, Group, Groups, Lengths, Sample, Turn
from slipway_data.report.sampled import Sampled
from slipway_data.rows import Chat, Completion, Content, Row
from slipway_data.split import Ties, place
from slipway_pod.visible import one_line, visible

SAMPLES = 3
TURNS = 6
GROUPS = 20


class Spread:
    """The distribution of a length, in bins that double in width."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._total = self._smallest = self._largest = 0

    def add(self, length: int) -> None:
        """Count a length of 0 or more."""
        self._smallest = min(self._smallest, length) if self._bins else length
        self._largest = max(self._largest, length)
        self._total += length
        self._bins[length.bit_length()] += 1

    def lengths(self, of: str) -> Lengths:
        """Return what was counted; bins without rows between others are there too."""
        rows = self._bins.total()
        bits = range(min(self._bins, default=0), max(self._bins, default=-1) + 1)
        return Lengths.model_validate(
            {
                "of": of,
                "smallest": self._smallest,
                "mean": self._total // rows if rows else 0,
                "largest": self._largest,
                "bins": tuple(Bin(at_least=(1 << b) >> 1, below=1 << b, rows=self._bins[b]) for b in bits),
            }
        )


class Kept:
    """Gathers lengths and samples of the kept rows, per category."""

    def __init__(self, categories: Iterable[str]) -> None:
        self._trained, self._whole = Spread(), Spread()
        self._samples: dict[str, Sampled[Sample]] = {category: Sampled(SAMPLES) for category in categories}

    def add(self, category: str, row: Row) -> None:
        """Take a row into account."""
        found = texts(row.content)
        self._trained.add(len(row.content.trained))
        self._whole.add(sum(len(text) for _, text in found))
        # By content and id: which rows are shown depends on the data alone.
        self._samples[category].offer(f"{row.id}\0{row.content.text}", lambda: sample(category, row))

    def lengths(self) -> tuple[Lengths, ...]:
        """Return the lengths in characters of trained texts and of whole rows."""
        return self._trained.lengths("TrainedText"), self._whole.lengths("WholeRow")

    def samples(self) -> tuple[Sample, ...]:
        """Return a few rows of every category."""
        return tuple(sample for sampled in self._samples.values() for sample in sampled.chosen())


def texts(content: Content) -> list[tuple[str, str]]:
    """Return every text of a row with its role."""
    if isinstance(content, Chat):
        return [(message.role, message.content) for message in content.messages]
    if isinstance(content, Completion):
        return [("prompt", content.prompt), ("completion", content.completion)]
    answers = (("chosen", content.chosen), ("rejected", content.rejected))
    found = [(message.role, message.content) for message in content.prompt]
    return [*found, *((name, message.content) for name, said in answers for message in said)]


def groups(database: sqlite3.Connection, ties: Ties, split: Split) -> Groups | None:
    """Return the number of groups and the largest of them; None where each row is one.

    The database sorts on disk, so that memory does not grow with the number of groups.
    """
    if split.group_by == "Row":
        return None
    database.create_function("tied", 1, ties.name, deterministic=True)
    (count,) = database.execute("SELECT COUNT(DISTINCT tied(grp)) FROM rows").fetchone()
    query = "SELECT tied(grp) AS name, COUNT(*) AS held FROM rows GROUP BY name ORDER BY held DESC, name LIMIT ?"
    found = database.execute(query, (GROUPS,)).fetchall()
    largest = tuple(Group(name=one_line(name), split=place(name, split), rows=held) for name, held in found)
    return Groups(count=count, largest=largest)


def sample(category: str, row: Row) -> Sample:
    """Return a kept row as the report shows it."""
    found = texts(row.content)
    turns = [Turn(role=role, text=visible(text)) for role, text in found[:TURNS]]
    if len(found) > TURNS:
        turns.append(Turn(role="…", text=f"{len(found) - TURNS} messages more"))
    return Sample(category=category, id=one_line(row.id), turns=tuple(turns))
