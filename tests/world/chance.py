"""How long does something take, or does it happen at all, in the history with this seed?

Every draw is a hash of the seed and of what is drawn for, never the next number of a stream: leaving a disturbance out
of a history leaves all the other draws as they were, so that a failing history can be made smaller.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
SPAN = 0x1_0000_0000


@dataclass(frozen=True)
class Chance:
    """The draws of one seed."""

    seed: int

    def unit(self, *what: object) -> float:
        """Return a number from 0 to below 1."""
        mixed = zlib.crc32(f"{self.seed}:{what}".encode()) * 2_654_435_761 % SPAN  # crc32 of like texts is alike
        return (mixed ^ mixed >> 15) % SPAN / SPAN

    def between(self, low: float, high: float, *what: object) -> float:
        """Return a number from `low` to `high`, small ones more often: most things are quick, a few are very late."""
        return low + (high - low) * self.unit(*what) ** 3

    def pick(self, choices: Sequence[T], *what: object) -> T:
        """Return one of `choices`."""
        return choices[int(self.unit(*what) * len(choices))]
