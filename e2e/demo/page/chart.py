"""How is the run drawn: traffic share, errors and latency per version over one common time axis, as SVG?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from e2e.demo import facts
from e2e.demo.cast import SHORT_NAMES, version
from e2e.demo.figures import Bucket, Turn, buckets, turns
from e2e.demo.tape import Tape

WIDTH, LEFT, RIGHT = 1000, 52, 16
TURN_ROW, AXIS = 19, 26
PANELS = (("share", "Traffic share", 120), ("errors", "Failed requests", 90), ("latency", "Latency", 130))
GAP = 46
LABEL_WIDTH_PER_LETTER = 6.6


@dataclass(frozen=True)
class Series:
    """All there is to draw, already reduced to points."""

    begun: float
    ended: float
    weights: Sequence[facts.Weights]
    buckets: dict[str, Sequence[Bucket]]
    turns: Sequence[Turn]


def series(tape: Tape) -> Series:
    """Return the points of the plot; slices are as fine as the run allows, but not under five seconds."""
    begun, ended = tape.begun, max(tape.ended, tape.begun + 1)
    slice_seconds = max(5.0, (ended - begun) / 120)
    return Series(
        begun,
        ended,
        facts.weights(tape),
        {name: buckets(facts.answered_by(tape, version(name)), slice_seconds, begun) for name in SHORT_NAMES},
        turns(tape),
    )


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)


def svg(found: Series) -> str:
    """Return the plot as one SVG element."""
    x = Axis(found.begun, found.ended, LEFT, WIDTH - RIGHT)
    labels, rows = _turn_labels(found.turns, x)
    top = rows * TURN_ROW + 30
    body: list[str] = []
    y = top
    for key, title, height in PANELS:
        body += _panel(key, title, found, x, y, height)
        y += height + GAP
    bottom = y - GAP
    body += _turn_lines(found.turns, x, labels, bottom)
    body += _time_axis(found, x, bottom)
    body.append(f'<line class="cursor" y1="{top}" y2="{bottom}" x1="-9" x2="-9"/>')
    height = bottom + AXIS
    frame = f'viewBox="0 0 {WIDTH} {height}" data-left="{LEFT}" data-right="{WIDTH - RIGHT}"'
    title = "Traffic share, failed requests and latency of each version over time"
    return f'<svg {frame} role="img" aria-label="{title}">{"".join(body)}</svg>'


def _panel(key: str, title: str, found: Series, x: Axis, top: float, height: float) -> list[str]:
    ceiling = {"share": 100.0, "errors": 100.0, "latency": _latency_ceiling(found)}[key]
    y = Axis(0, ceiling, top + height, top)
    unit = "s" if key == "latency" else "%"
    body = [f'<text class="panel" x="{LEFT}" y="{top - 10}">{title}{_hint(key)}</text>']
    for tick in (0, ceiling / 2, ceiling):
        body.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick)}" y2="{y(tick)}"/>')
        body.append(f'<text class="tick" x="{LEFT - 8}" y="{y(tick) + 4}" text-anchor="end">{tick:g} {unit}</text>')
    draw = {"share": _shares, "errors": _errors, "latency": _latencies}[key]
    return [*body, *draw(found, x, y)]


def _hint(key: str) -> str:
    return '<tspan class="hint"> · median, shaded up to the 95th percentile</tspan>' if key == "latency" else ""


def _shares(found: Series, x: Axis, y: Axis) -> Iterable[str]:
    """Draw the route's weights as stacked steps."""
    floor = [0.0] * len(found.weights)
    for name in SHORT_NAMES:
        shares = [w.percent(version(name)) for w in found.weights]
        steps = _merged(found, list(zip(floor, shares, strict=True)))
        floor = [low + share for low, share in zip(floor, shares, strict=True)]
        if not steps:
            continue
        blocks = (f"M{x(s.begun)} {y(s.low)}V{y(s.low + s.share)}H{x(s.ended)}V{y(s.low)}Z" for s in steps)
        yield f'<path class="area {name}" d="{"".join(blocks)}"/>'
        widest = max(steps, key=lambda s: (s.ended - s.begun) * (s.share > 40))
        if widest.share > 40 and x(widest.ended) - x(widest.begun) > 30:
            middle, height = x((widest.begun + widest.ended) / 2), y(widest.low + widest.share / 2) + 5
            yield f'<text class="inside" x="{middle}" y="{height}" text-anchor="middle">{name}</text>'


@dataclass(frozen=True)
class _Step:
    """A share of traffic that stayed the same for a time, standing on `low` percent."""

    begun: float
    ended: float
    low: float
    share: float


def _merged(found: Series, levels: Sequence[tuple[float, float]]) -> list[_Step]:
    """Return the steps of one version: one for every change of its place in the stack, none where it has no share."""
    edges = [*(w.at for w in found.weights), found.ended]
    steps: list[_Step] = []
    for index, (low, share) in enumerate(levels):
        if steps and (steps[-1].low, steps[-1].share, steps[-1].ended) == (low, share, edges[index]):
            steps[-1] = _Step(steps[-1].begun, edges[index + 1], low, share)
        elif share:
            steps.append(_Step(edges[index], edges[index + 1], low, share))
    return steps


def _errors(found: Series, x: Axis, y: Axis) -> Iterable[str]:
    """Draw the failed percent of each slice: a line along zero for the good, columns for the bad."""
    for name, points in found.buckets.items():
        for run in _runs(points):
            yield _line(name, [(x(p.at), y(p.error_percent)) for p in run])
        for point in points:
            if point.error_percent:
                yield f'<path class="stem {name}" d="M{x(point.at)} {y(0)}V{y(point.error_percent)}"/>'
                yield f'<circle class="dot {name}" cx="{x(point.at)}" cy="{y(point.error_percent)}" r="4"/>'


def _latencies(found: Series, x: Axis, y: Axis) -> Iterable[str]:
    """Draw the median as a line and shade from it up to the 95th percentile."""
    for name, points in found.buckets.items():
        for run in _runs(points):
            upper = [f"{x(p.at)} {y(p.p95)}" for p in run]
            lower = [f"{x(p.at)} {y(p.p50)}" for p in reversed(run)]
            yield f'<path class="band {name}" d="M{"L".join([*upper, *lower])}Z"/>'
            yield _line(name, [(x(p.at), y(p.p50)) for p in run])


def _line(name: str, points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        return f'<circle class="dot {name}" cx="{points[0][0]}" cy="{points[0][1]}" r="2.5"/>'
    return f'<path class="line {name}" d="M{"L".join(f"{px} {py}" for px, py in points)}"/>'


def _runs(points: Sequence[Bucket]) -> list[list[Bucket]]:
    """Split points where a version was silent for long, so that no line bridges the silence."""
    if not points:
        return []
    steps = [after.at - before.at for before, after in itertools.pairwise(points)]
    usual = min(steps, default=0.0)
    found = [[points[0]]]
    for point, step in zip(points[1:], steps, strict=True):
        if step > 4 * usual:
            found.append([])
        found[-1].append(point)
    return found


def _turn_labels(found: Sequence[Turn], x: Axis) -> tuple[list[int], int]:
    """Return a row for every turn's label such that no two labels touch, and the number of rows."""
    ends: list[float] = []
    rows: list[int] = []
    for turn in found:
        left, right = _label_span(turn, x)
        row = next((i for i, end in enumerate(ends) if end + 10 < left), len(ends))
        ends[row : row + 1] = [right]
        rows.append(row)
    return rows, max(1, len(ends))


def _label_span(turn: Turn, x: Axis) -> tuple[float, float]:
    """Return where a label begins and ends: right of its line, or left of it near the right edge."""
    width = (len(turn.text) + 2) * LABEL_WIDTH_PER_LETTER
    at = x(turn.at)
    return (at, at + width) if at + width < WIDTH else (at - width, at)


def _turn_lines(found: Sequence[Turn], x: Axis, rows: Sequence[int], bottom: float) -> Iterable[str]:
    signs = {"Good": "✓", "Bad": "✗", "Neutral": "·"}
    for turn, row in zip(found, rows, strict=True):
        at, y = x(turn.at), row * TURN_ROW + 13
        anchored_right = _label_span(turn, x)[0] < at
        anchor, shift = ("end", -5) if anchored_right else ("start", 5)
        tone = turn.outcome.lower()
        yield f'<line class="turn {tone}" x1="{at}" x2="{at}" y1="{y - 10}" y2="{bottom}"/>'
        yield (
            f'<text class="turn {tone}" x="{at + shift}" y="{y}" text-anchor="{anchor}">'
            f"{signs[turn.outcome]} {escape(turn.text)}</text>"
        )


def _time_axis(found: Series, x: Axis, bottom: float) -> Iterable[str]:
    minutes = (found.ended - found.begun) / 60
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 60) if minutes / s <= 12), 120)
    for index in range(math.floor(minutes / step) + 1):
        at = x(found.begun + index * step * 60)
        yield f'<text class="tick" x="{at}" y="{bottom + 18}" text-anchor="middle">{index * step:g} min</text>'


def _latency_ceiling(found: Series) -> float:
    """Return a round number of seconds that nearly every slice stays below."""
    highest = facts.percentile([b.p95 for points in found.buckets.values() for b in points], 99) or 1.0
    return next((c for c in (0.5, 1, 2, 4, 6, 8, 10, 16, 20, 30) if highest <= c), 60)
