"""Where on a plot does a value lie?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480.0, 200.0
"""Of a plot's field, without its labels."""


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Turns values into places from 0 to `length`, and labels some of them."""

    place: Callable[[str], float]
    ticks: tuple[Tick, ...]


def numbers(values: Sequence[str], length: float, *, log: bool = False) -> Scale:
    """Return the scale of numbers: linear, or by magnitude. One value alone lies in the middle.

    Where all values are whole numbers, so are the labels: there is no trial 0.5.
    """
    bent: Callable[[float], float] = math.log10 if log else float
    points = [bent(float(value)) for value in values] or [0.0]
    low, high = min(points), max(points)
    width = high - low

    def place(value: str) -> float:
        return (bent(float(value)) - low) / width * length if width else length / 2

    whole = not log and all(value.removeprefix("-").isdecimal() for value in values)
    step = math.ceil(width / 4) if whole else width / 4
    shares = [n * step / width for n in range(5) if n * step <= width] if width else [0.5]
    labelled = [low + width * share if width else low for share in shares]
    labels = [f"{value:.0f}" if whole else f"{10**value if log else value:.3g}" for value in labelled]
    return Scale(place, tuple(Tick(share * length, label) for share, label in zip(shares, labels, strict=True)))


def choices(names: Sequence[str], length: float) -> Scale:
    """Return the scale of a list: each name in the middle of its share."""
    share = length / len(names)
    where = {name: share * (n + 0.5) for n, name in enumerate(names)}
    return Scale(lambda value: where[value], tuple(Tick(at, name) for name, at in where.items()))
