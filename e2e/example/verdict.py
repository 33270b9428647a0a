"""Did the run show what the example promises?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from e2e.example.cast import Example
from e2e.example.questions import Judged
from e2e.example.table import CONFIDENCE_PERCENT, Row


@dataclass(frozen=True)
class Check:
    """A claim, whether it held, and the numbers."""

    claim: str
    held: bool
    evidence: str


def checks(example: Example, rows: Sequence[Row], answers: Sequence[Judged]) -> Iterator[Check]:
    """Yield what has to hold for the run to be a success."""
    for row in rows:
        if row.layer in example.promised:
            yield from _improved(row, example.promised[row.layer])
    by = {answer.said.version for answer in answers}
    yield Check(f"{example.version} answers at {example.hostname}", by == {example.version}, ", ".join(sorted(by)))


def _improved(row: Row, points: int) -> Iterator[Check]:
    if points:
        numbers = f"{row.base} and {row.tuned} of {row.items} held-out items, {row.points:+.0f} points"
        yield Check(f"{points} points more in {row.layer}", row.points >= points, numbers)
    interval = f"{row.low:+.0f} to {row.high:+.0f} points at {CONFIDENCE_PERCENT} %"
    yield Check(f"surely more in {row.layer}", row.low > 0, interval)
