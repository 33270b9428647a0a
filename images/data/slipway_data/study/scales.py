"""Where on a plot does a value lie?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480.0, 200.0
"""Of a plot's field, without its labels."""
SMALLEST, LARGEST = 1e-4, 1e7
"""Marks between these are written out; an axis that has others has powers of ten."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NEARLY = 1e-9
"""By how much a logarithm may miss the whole number that it is."""


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

    Where all values are whole numbers, so are the labels: there is no trial 0.5. By magnitude, powers of ten are
    labelled where there are enough of them.
    """
    bent: Callable[[float], float] = math.log10 if log else float
    points = [bent(float(value)) for value in values] or [0.0]
    low, high = min(points), max(points)
    width = high - low

    def place(value: str) -> float:
        return (bent(float(value)) - low) / width * length if width else length / 2

    whole = not log and all(value.removeprefix("-").isdecimal() for value in values)
    marks = (_decades(low, high) if log else []) or _parts(low, high, whole=whole)
    shares = [(mark - low) / width if width else 0.5 for mark in marks]
    labels = written([10**mark if log else mark for mark in marks])
    return Scale(place, tuple(Tick(share * length, label) for share, label in zip(shares, labels, strict=True)))


def written(marks: Sequence[float]) -> list[str]:
    """Return the marks of an axis as people write them: 1,000 and 0.25, or all of them like 2.5·10⁻⁵.

    Of a fraction, three digits that count are shown.
    """
    rounded = [mark if mark.is_integer() else float(f"{mark:.3g}") for mark in marks]
    plain = all(mark == 0 or SMALLEST <= abs(mark) < LARGEST for mark in rounded)
    return [_plain(mark) if plain else _power(mark) for mark in rounded]


def _plain(number: float) -> str:
    places = 0 if number.is_integer() else 2 - math.floor(math.log10(abs(number)))
    return _short(f"{number:,.{max(places, 0)}f}")


def _power(number: float) -> str:
    if 1 <= abs(number) < 10 or not number:
        return _short(f"{number:.2f}")
    digits, _, exponent = f"{number:.2e}".partition("e")
    power = "10" + str(int(exponent)).translate(RAISED)
    return {"1": power, "-1": f"-{power}"}.get(_short(digits), f"{_short(digits)}·{power}")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten between two of them, at most five, as exponents; none where there are fewer than three."""
    found = range(math.ceil(low - NEARLY), math.floor(high + NEARLY) + 1)
    return [float(power) for power in found[:: math.ceil(len(found) / 5)]] if len(found) > 2 else []


def _parts(low: float, high: float, *, whole: bool) -> list[float]:
    """Return five values with equal distances, or as many as there are whole ones; a value that is alone."""
    step = (high - low) / 4
    if not step:
        return [low]
    if whole:
        step = math.ceil(step)
    return [low + n * step for n in range(5) if n * step <= high - low]


def choices(names: Sequence[str], length: float) -> Scale:
    """Return the scale of a list: each name in the middle of its share."""
    share = length / len(names)
    where = {name: share * (n + 0.5) for n, name in enumerate(names)}
    return Scale(lambda value: where[value], tuple(Tick(at, name) for name, at in where.items()))
