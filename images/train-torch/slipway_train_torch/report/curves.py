"""Which curves does the history of a run make, however long it was?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from slipway.contract.training_report import Curve, CurveName, Point

POINTS: Final = 400
"""About as many as a page has pixels for; a longer history is averaged."""
FIGURES: Final[Mapping[str, CurveName]] = {
    "loss": "Loss",
    "validationLoss": "ValidationLoss",
    "learningRate": "LearningRate",
    "gradientNorm": "GradientNorm",
    "tokensPerSecond": "TokensPerSecond",
    "trainedTokensPerSecond": "TrainedTokensPerSecond",
    "mfuPercent": "MfuPercent",
    "memoryBytes": "MemoryBytes",
}
"""Curves by what lines of the history call them."""


def curves(history: Iterable[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """Return a curve for each figure in `history`. What is no finite number is no point of a curve."""
    found: dict[str, list[tuple[int, float]]] = {key: [] for key in FIGURES}
    for line in history:
        for key, values in found.items():
            value = line.get(key)
            if value is not None and math.isfinite(value):
                values.append((line["step"], float(value)))
    return tuple(Curve(name=FIGURES[key], points=thinned(values)) for key, values in found.items() if values)


def thinned(values: Sequence[tuple[int, float]], limit: int = POINTS) -> tuple[Point, ...]:
    """Return `values` (step, figure) as at most `limit` points, each of equally many neighbours; the last of the rest.

    Least and most go with each mean, so that a single spike stays visible.
    """
    width = -(-len(values) // limit) or 1
    parts = (values[at : at + width] for at in range(0, len(values), width))
    return tuple(_point(part) for part in parts)


def _point(part: Sequence[tuple[int, float]]) -> Point:
    numbers = [value for _, value in part]
    return Point(step=part[-1][0], value=_short(fmean(numbers)), low=_short(min(numbers)), high=_short(max(numbers)))


def _short(value: float) -> float:
    """Return `value` with six digits: more tell a reader nothing and fill the page."""
    return float(f"{value:.6g}")
