"""Which split does a group belong to?"""

from __future__ import annotations

import hashlib

from slipway.api.dataset import Split
from slipway.contract.dataset import SPLITS

PARTS = 10_000


def percents(split: Split) -> dict[str, int]:
    """Return the percent of the groups that go to each split."""
    return dict(zip(SPLITS, (split.train_percent, split.validation_percent, split.test_percent), strict=True))


def place(group: str, split: Split) -> str:
    """Return the split of `group`. It depends on the group's name, the salt and the percents only."""
    drawn = int.from_bytes(hashlib.sha256(f"{split.salt}:{group}".encode()).digest()[:8], "big") % PARTS
    bound = 0
    for name, percent in percents(split).items():
        bound += percent * PARTS // 100
        if drawn < bound:
            return name
    raise AssertionError("the percents add up to 100")


class Ties:
    """Groups that share alike rows, and so must share a split. A tied group is called by its first name."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def tie(self, one: str, other: str) -> None:
        """Note that two groups must stay together."""
        a, b = sorted((self.name(one), self.name(other)))
        if a != b:
            self._parent[b] = a

    def name(self, group: str) -> str:
        """Return the name that all groups tied to `group` have in common."""
        while (parent := self._parent.get(group)) is not None:
            group = parent
        return group
