"""What do the steps that look at one row alone count, beside what they make of it?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Numbers that add up over rows, and over the processes that do the work."""

    replaced: Counter[str] = field(default_factory=Counter)
    """Private texts that were replaced, by kind."""
    scores: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Rows by the number of the filter that judged them, and their score."""
    costs: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Of these, those that lost most points in a part."""

    def clear(self) -> None:
        """Begin anew."""
        for counter in (self.replaced, self.scores, self.costs):
            counter.clear()

    def add(self, other: Counts) -> None:
        """Add what somebody else counted."""
        self.replaced.update(other.replaced)
        self.scores.update(other.scores)
        self.costs.update(other.costs)
