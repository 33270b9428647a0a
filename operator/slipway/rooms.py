"""What do the rooms do alike?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.plan import View

INVALID_SPEC: Final = "InvalidSpec"
"""Reason of an object that an API server with another schema let pass."""


def children(uid: str, view: View, owns: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return (kind, name) of what the root `uid` owns."""
    return frozenset((kind, child["metadata"]["name"]) for kind in owns for child in view.owned(uid, kind))


@dataclass(frozen=True)
class Missing:
    """What an object waits for before it can begin; `stalled` where nothing but a change by a person helps."""

    reason: str
    said: str
    stalled: bool = False


def stays(ended: datetime | None, ttl: int | None, now: datetime) -> timedelta | None:
    """Return how long a Job that `ended` stays by its ttl in seconds; zero or less: no longer. None: for good."""
    if ttl is None or ended is None:
        return None
    return ended + timedelta(seconds=ttl) - now
