"""What time is it? One answer for durations, one for dates, both replaceable in tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Durations are measured on `monotonic`; `now` is only ever written down."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""


class LoopClock:
    """The event loop's own clock, so that timers and measurements agree."""

    def monotonic(self) -> float:
        """Return the loop's time in seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)


def micro_time(moment: datetime) -> str:
    """Return `moment` as Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
