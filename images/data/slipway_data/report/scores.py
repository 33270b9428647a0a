"""How good were the rows that a filter judged by their quality?"""

from __future__ import annotations

from collections.abc import Sequence

from slipway.api.dataset_steps import Filter, Step
from slipway.contract.dataset_report import Bin, Scores
from slipway_data.counts import Counts

WIDTH = 10


def scored(steps: Sequence[Step], counts: Counts) -> tuple[Scores, ...]:
    """Return the scores of the rows that each filter with minQualityPercent was given."""
    found: list[Scores] = []
    for number, step in enumerate(steps):
        match step.chosen:
            case Filter(min_quality_percent=int(least)):
                found.append(_of(number, least, counts))
    return tuple(found)


def _of(number: int, least: int, counts: Counts) -> Scores:
    rows = {score: rows for (step, score), rows in counts.scores.items() if step == number}
    costs = {part: rows for (step, part), rows in counts.costs.items() if step == number}
    begins = range(0, 100, WIDTH)
    return Scores(
        step=number,
        least=least,
        bins=tuple(
            # The last bin has those of all 100 points too.
            Bin(at_least=low, below=low + WIDTH + (low + WIDTH == 100), rows=_between(rows, low))
            for low in begins
        ),
        costs=dict(sorted(costs.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _between(rows: dict[int, int], low: int) -> int:
    return sum(count for score, count in rows.items() if min(score, 99) // WIDTH * WIDTH == low)
