"""Is what was prepared good enough to be called a dataset?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slipway.api.dataset import Quality, Rows, Split
from slipway.contract.dataset_report import StepReport
from slipway_data.counts import Counts
from slipway_data.report.funnel import words
from slipway_data.rows import (
    CONTAMINATED,
    DUPLICATE,
    FEW_ALPHANUMERICS,
    LICENCE_NOT_ALLOWED,
    LINE_TOO_LONG,
    LOW_QUALITY,
    NO_PAIR,
    NO_VERDICT,
    NOT_FOR_TRAINING,
    NOT_LIKED,
    NOT_RECREATED,
    OTHER_LANGUAGE,
    SURPLUS,
    TOO_LONG,
    TOO_SHORT,
    Rejected,
)
from slipway_data.split import percents
from slipway_pod.errors import BadData

TOO_FEW_ROWS = "TooFewRows"
TOO_MANY_REJECTED = "TooManyRejected"
EMPTY_SPLIT = "EmptySplit"
WANTED = {
    CONTAMINATED,
    FEW_ALPHANUMERICS,
    LICENCE_NOT_ALLOWED,
    LINE_TOO_LONG,
    LOW_QUALITY,
    OTHER_LANGUAGE,
    TOO_LONG,
    TOO_SHORT,
}
"""Reasons that a step gives which chooses: too many of them mean a choice too narrow, not broken data."""
SOUND = {DUPLICATE, NO_PAIR, NO_VERDICT, NOT_FOR_TRAINING, NOT_LIKED, NOT_RECREATED, SURPLUS}
"""Reasons of rows with which nothing is wrong: no part of what quality bounds."""


@dataclass
class Tally:
    """What became of the rows, with the first example of every reason."""

    files: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Rejected] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    """What steps on single rows counted."""

    def reject(self, entry: Rejected) -> None:
        """Count what was left out: a row, a file, or rows that were lost together."""
        self.reasons[entry.reason] += entry.rows
        self.examples.setdefault(entry.reason, entry)

    @property
    def duplicates(self) -> int:
        """Rows like one that was kept."""
        return self.reasons[DUPLICATE]

    @property
    def rejected(self) -> int:
        """Rows and files with which something is wrong."""
        return self.reasons.total() - sum(self.reasons[reason] for reason in SOUND)

    @property
    def total(self) -> int:
        """All rows seen, and files that gave none."""
        return self.kept + self.reasons.total()

    def breakdown(self) -> str:
        """Return the reasons and their counts in words, most frequent first."""
        ranked = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        return ", ".join(f"{count} {reason}" for reason, count in ranked if count) or "none"


def judge(
    tally: Tally, splits: Mapping[str, int], quality: Quality, split: Split, rows: Rows, steps: Sequence[StepReport]
) -> BadData | None:
    """Return why the data is no dataset, or None when it is one.

    Single bad rows and files are left out and reported; they are fatal only together: when their share passes
    `quality.maxRejectedPercent`, when fewer than `quality.minRows` rows remain, or when a split that was asked for is
    empty. If one kind of fault alone passes the bound, it gives the reason.
    """

    def fault(reason: str, message: str, example: Rejected | None = None) -> BadData:
        shown = f"{example.id}: {example.message}" if example is not None else ""
        return BadData(reason, message, example=shown, rows=rows)

    numbers = f"{tally.kept} rows kept of {tally.total} from {tally.files} files; left out: {tally.breakdown()}"
    faults = [(n, r) for r, n in tally.reasons.items() if r not in SOUND]
    count, worst = max(faults, key=lambda pair: (pair[0], pair[1]), default=(0, ""))
    if tally.rejected * 100 > quality.max_rejected_percent * tally.total:
        alone = count * 100 > quality.max_rejected_percent * tally.total and worst not in WANTED
        share = tally.rejected * 100 // tally.total
        cure = (
            "correct the data (the report lists every row), leave files out by source include patterns, or raise "
            "quality.maxRejectedPercent"
        )
        return fault(
            worst if alone else TOO_MANY_REJECTED,
            f"{share} percent were rejected, quality.maxRejectedPercent is {quality.max_rejected_percent}: {numbers}. "
            f"To go on, {cure}. Rows in and out of every step: {words(steps)}",
            tally.examples[worst],
        )
    if tally.kept < quality.min_rows:
        return fault(
            TOO_FEW_ROWS,
            f"quality.minRows is {quality.min_rows}: {numbers}. {_narrow(steps, quality.min_rows)}, or lower "
            f"quality.minRows. Rows in and out of every step: {words(steps)}",
            tally.examples.get(worst),
        )
    empty = [name for name, percent in percents(split).items() if percent > 0 and not splits.get(name)]
    if empty:
        return fault(
            EMPTY_SPLIT,
            f"split: no group fell into {' and '.join(empty)} ({tally.kept} rows, by {split.group_by}): add data, give "
            "a larger percent, group by something finer, or change split.salt",
        )
    return None


def _narrow(steps: Sequence[StepReport], least: int) -> str:
    """Return the first step after which fewer than `least` rows remained, and what can be done about it."""
    at = next(number for number, step in enumerate(steps) if step.rows_out < least)
    if at == 0:
        return "Already the files hold fewer: add data"
    return f"Too few were left by steps[{at}] ({steps[at].name}): loosen that step, add data"
