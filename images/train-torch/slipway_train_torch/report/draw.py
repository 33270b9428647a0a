"""Where on a page do the curves, axes and marks of a report lie?

All places are in the units of an SVG of WIDTH x HEIGHT, from its upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from slipway.contract.training_report import Curve, CurveName, Point, TrainingReport

WIDTH, HEIGHT = 640, 210
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 24
GIB: Final = 2**30
DOTS: Final = 60
"""With at most so many points, each is drawn as a dot too."""
STYLES: Final = ("first", "second")


@dataclass(frozen=True)
class Panel:
    """One chart: what it shows and what its lines are called."""

    title: str
    lines: tuple[tuple[CurveName, str], ...]
    unit: float = 1.0
    """What figures are divided by."""


PANELS: Final = (
    Panel("Loss, in nats per trained token", (("Loss", "training"), ("ValidationLoss", "validation"))),
    Panel("Learning rate", (("LearningRate", "learning rate"),)),
    Panel("Tokens per second", (("TokensPerSecond", "all"), ("TrainedTokensPerSecond", "loss-bearing"))),
    Panel("Model FLOPs utilisation, in percent", (("MfuPercent", "utilisation"),)),
    Panel("Norm of the gradient, before clipping", (("GradientNorm", "norm"),)),
    Panel("Memory, in GiB", (("MemoryBytes", "memory"),), GIB),
)


@dataclass(frozen=True)
class Tick:
    """A line of the grid, at a height or a breadth, and what it is called."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A curve: `path` its means, `band` the area between least and most where they differ."""

    label: str
    style: str
    path: str
    band: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step."""

    at: float
    style: str
    says: str


@dataclass(frozen=True)
class Chart:
    """All there is to draw in one panel."""

    title: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Axis:
    """A linear scale from figures to places."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a figure."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)

    def ticks(self, wanted: int) -> tuple[Tick, ...]:
        """Return about `wanted` round figures within the axis."""
        step = _round_step((self.high - self.low) / wanted)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(Tick(self(number * step), short(number * step)) for number in range(first, last + 1))


def charts(report: TrainingReport) -> tuple[Chart, ...]:
    """Return the charts of `report`: one for each panel that has a curve."""
    by_name = {curve.name: curve for curve in report.curves}
    last = max((curve.points[-1].step for curve in report.curves), default=1)
    x = Axis(0, max(last, 1), LEFT, WIDTH - RIGHT)
    marks = tuple(_marks(report, x))
    return tuple(
        _chart(panel, [(by_name[name], label) for name, label in panel.lines if name in by_name], x, marks)
        for panel in PANELS
        if any(name in by_name for name, _ in panel.lines)
    )


def short(value: float) -> str:
    """Return a figure for an axis: 12.5k, 0.002, 2e-5."""
    size = abs(value)
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size >= least:
            return f"{value / unit:.4g}{letter}"
    text = f"{value:.4g}"
    return text.replace("e-0", "e-") if value else "0"


def _chart(panel: Panel, curves: Sequence[tuple[Curve, str]], x: Axis, marks: tuple[Mark, ...]) -> Chart:
    points = [point for curve, _ in curves for point in curve.points]
    low, high = min(p.low for p in points) / panel.unit, max(p.high for p in points) / panel.unit
    spare = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    # Nothing that is drawn can be below 0, so no axis goes there.
    y = Axis(max(0.0, low - spare), high + spare, HEIGHT - BOTTOM, TOP)

    def place(value: float) -> float:
        return y(value / panel.unit)

    lines = tuple(
        _line(curve.points, label, style, x, place) for (curve, label), style in zip(curves, STYLES, strict=False)
    )
    return Chart(panel.title, lines, x.ticks(8), y.ticks(4), marks)


def _line(points: Sequence[Point], label: str, style: str, x: Axis, y: Callable[[float], float]) -> Line:
    middle = [(x(p.step), y(p.value)) for p in points]
    band = ""
    if any(p.low < p.high for p in points):
        around = [(x(p.step), y(p.high)) for p in points] + [(x(p.step), y(p.low)) for p in reversed(points)]
        band = _path(around) + "Z"
    dots = tuple(middle) if len(points) <= DOTS else ()
    return Line(label, style, _path(middle), band, dots)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{across} {up}" for across, up in places)


def _marks(report: TrainingReport, x: Axis) -> Iterator[Mark]:
    for restart in report.restarts:
        yield Mark(x(min(restart.step, x.high)), "restart", f"went on after step {restart.step} ({restart.ended})")
    for rung in report.rungs:
        again = ", activations computed again" if rung.recompute else ""
        yield Mark(x(min(rung.step, x.high)), "rung", f"step {rung.step}: {rung.micro_batch} rows at a time{again}")
    if report.best is not None:
        said = f"best: validation loss {report.best.validation_loss:.4g} after step {report.best.step}"
        yield Mark(x(min(report.best.step, x.high)), "best", said)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))
