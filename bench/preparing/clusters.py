"""Which rows go, when of rows that are connected by pairs one is kept?"""

from __future__ import annotations

from collections.abc import Iterable


def superfluous(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return all members of each cluster of connected ids but the least."""
    above: dict[str, str] = {}

    def top(id: str) -> str:
        while (up := above.setdefault(id, id)) != id:
            above[id] = above[up]
            id = up
        return id

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        above[high] = low
    return {id for id in above if top(id) != id}
