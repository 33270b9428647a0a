"""How long does a run take to stop, and is it granted that long?"""

from __future__ import annotations

import logging
import math

log = logging.getLogger("slipway")


class Grace:
    """The longest stop that was seen: SIGTERM comes at any moment, then a step is ended and saved."""

    def __init__(self, granted: int) -> None:
        """`granted` are the seconds between SIGTERM and SIGKILL."""
        self._granted = granted
        self._longest = 0.0

    def saved(self, save: float, step: float) -> None:
        """Take into account that a save took `save` seconds, and the slowest of the steps before it `step`."""
        took = save + step
        if took > max(self._longest, self._granted):
            log.warning(
                "a step and a save take %.0f s, SIGTERM grants %d s: preemption would lose work back to the checkpoint "
                "before; raise checkpoint.graceSeconds, or lower batchSize", took, self._granted,
            )  # fmt: skip
        self._longest = max(self._longest, took)

    @property
    def seconds(self) -> int | None:
        """How long the longest took, in whole seconds, rounded up; None before the first save."""
        return math.ceil(self._longest) if self._longest else None
