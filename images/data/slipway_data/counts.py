"""What is counted of rows that are looked at alone, beside what becomes of them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway_data.rows import Row

CUT_LINKS = "cut links"
"""Column in which a reader says how many links it cut, by why. No column of a table that steps ask for has a space."""


@dataclass
class Counts:
    """Numbers that add up over rows, and over the processes that do the work."""

    replaced: Counter[str] = field(default_factory=Counter)
    """Private texts that were replaced, by kind."""
    scores: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Rows by the number of the filter that judged them, and their score."""
    costs: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Of these, those that lost most points in a part."""
    cut_links: Counter[str] = field(default_factory=Counter)
    """Links of Blueprint pins that did not hold, by why."""
    cut_first: dict[str, str] = field(default_factory=dict)
    """Of each of these reasons, the id of the first row that had such a link."""

    def read(self, row: Row) -> None:
        """Count what the reader says of a row."""
        said = row.columns.get(CUT_LINKS)
        if isinstance(said, Mapping):
            self.cut_links.update(said)
            self.cut_first = dict.fromkeys(said, row.id) | self.cut_first

    def clear(self) -> None:
        """Begin anew."""
        for counter in (self.replaced, self.scores, self.costs, self.cut_links, self.cut_first):
            counter.clear()

    def add(self, other: Counts) -> None:
        """Add what somebody else counted later."""
        self.replaced.update(other.replaced)
        self.scores.update(other.scores)
        self.costs.update(other.costs)
        self.cut_links.update(other.cut_links)
        self.cut_first = other.cut_first | self.cut_first
