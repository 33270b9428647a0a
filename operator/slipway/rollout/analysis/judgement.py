"""What is one measurement worth?"""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.analysis import Outcome


@dataclass(frozen=True)
class Judgement:
    """An outcome and the numbers it rests on."""

    outcome: Outcome
    message: str
    candidate: float | None = None
    stable: float | None = None
    bound: float | None = None
    samples: int = 0
    stable_samples: int = 0
