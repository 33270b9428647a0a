"""What do both trainers do? The numbers that they share, as one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.numbers import Numbers


@dataclass(frozen=True)
class Plan(Numbers):
    """One run: the same rows, hyperparameters and threads for both."""

    rows: int = 64
    """Of the train split; each is seen once an epoch."""
    held_out: int = 24
    """Rows of other files than those, on which both results are judged."""
    characters: int = 2400
    """The longest conversation taken."""
    max_tokens: int = 1024
    batch_size: int = 8
    epochs: int = 1
    rank: int = 16
    learning_rate: str = "1e-3"
    seed: int = 7
    threads: int = 2

    @property
    def steps(self) -> int:
        """Optimiser steps of a whole run."""
        return self.epochs * -(-self.rows // self.batch_size)


@dataclass(frozen=True)
class Speed:
    """What one trainer did, and how long it took."""

    tokens: int
    """Loss-bearing tokens of all steps."""
    all_tokens: int
    """All of them, padding not counted."""
    seconds: float
    """From the begin of the first step to the end of the last."""
    peak_mib: float
    """Of the whole process, loading included."""
    versions: dict[str, str]

    def per_second(self) -> float:
        """Return loss-bearing tokens a second."""
        return self.tokens / self.seconds


def peak_mib() -> float:
    """Return the most memory that this process ever had resident."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
