"""How fast is a run, and what memory does it take?"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch

from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.work import Work

RECENT = 8
"""Steps over which the speed that people see is averaged."""
STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Lap:
    """One optimiser step."""

    seconds: float
    tokens: int
    trained: int
    """Tokens that bear loss."""


class Pace:
    """The newest steps, and what follows from them."""

    def __init__(self, work: Work | None = None, peak: float | None = None) -> None:
        self._work = work
        self._peak = peak
        self._laps: deque[Lap] = deque(maxlen=RECENT)

    def add(self, lap: Lap) -> dict[str, float]:
        """Take a step into account, and return its figures as the history calls them."""
        self._laps.append(lap)
        figures = {
            "seconds": round(lap.seconds, 4),
            "tokensPerSecond": round(lap.tokens / lap.seconds, 1),
            "trainedTokensPerSecond": round(lap.trained / lap.seconds, 1),
        }
        used = self._used([lap])
        return figures if used is None else figures | {"mfuPercent": used}

    def known(self) -> bool:
        """Tell whether there was a step at all."""
        return bool(self._laps)

    def step_seconds(self) -> float:
        """Return the mean time of the newest steps."""
        return self._seconds() / len(self._laps)

    def longest(self) -> float:
        """Return the time of the slowest of them, 0 without any."""
        return max((lap.seconds for lap in self._laps), default=0.0)

    def tokens_per_second(self) -> float:
        """Return how many tokens the newest steps did a second, padding not counted."""
        return round(sum(lap.tokens for lap in self._laps) / self._seconds(), 1)

    def trained_tokens_per_second(self) -> float:
        """Return how many of them bore loss."""
        return round(sum(lap.trained for lap in self._laps) / self._seconds(), 1)

    def mfu_percent(self) -> float | None:
        """Return the share of the device's peak that the newest steps took; None where it is not known."""
        return self._used(list(self._laps))

    def _seconds(self) -> float:
        return sum(lap.seconds for lap in self._laps)

    def _used(self, laps: list[Lap]) -> float | None:
        if self._work is None or self._peak is None or not laps:
            return None
        operations = sum(self._work.of(lap.tokens, lap.trained) for lap in laps)
        return round(100 * operations / (sum(lap.seconds for lap in laps) * self._peak), 2)


def memory_bytes(device: Device) -> int | None:
    """Return the memory that counts: the most that a GPU held since the last call, else what this process holds now.

    None where the system does not tell.
    """
    if device.torch.type == "cuda":
        most = torch.cuda.max_memory_allocated(device.torch)
        torch.cuda.reset_peak_memory_stats(device.torch)
        return most
    return resident_bytes()


def resident_bytes(statm: Path = STATM) -> int | None:
    """Return the resident memory of this process, as Linux tells it."""
    try:
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
