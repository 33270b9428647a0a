"""How many rows went into every step and came out, and why not all of them?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from slipway.api.dataset_steps import Step
from slipway.contract.dataset_report import Alike, Example, LeftOut, StepReport
from slipway.contract.job import MixMember
from slipway_data.report.sampled import Sampled
from slipway_data.rows import Rejected
from slipway_pod.visible import one_line

EXAMPLES = 5
PAIRS = 30
SETTINGS = 1_000


class Reasons:
    """Counts what was left out by reason, with a few examples of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, Sampled[Example]] = {}

    def add(self, entry: Rejected) -> None:
        """Count a row that was left out, or all rows that were lost together."""
        self._counts[entry.reason] += entry.rows
        sampled = self._examples.setdefault(entry.reason, Sampled(EXAMPLES))
        sampled.offer(entry.id, lambda: Example(id=one_line(entry.id), message=one_line(entry.message)))

    def total(self) -> int:
        """Return the number of rows left out."""
        return self._counts.total()

    def ranked(self) -> tuple[LeftOut, ...]:
        """Return the reasons, most frequent first."""
        ranked = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(
            LeftOut(reason=reason, rows=rows, examples=self._examples[reason].chosen()) for reason, rows in ranked
        )


class Funnel:
    """Counts, per step, the rows that it stopped; how many it was given follows from what remained at the end.

    In a mix, one step more follows those of the spec.
    """

    def __init__(self, steps: Sequence[Step], members: Sequence[MixMember] = ()) -> None:
        self._steps: list[tuple[str, Any]] = [next(iter(step.dump().items())) for step in steps]
        if members:
            self._steps.append(("mix", [member.dump() for member in members]))
        self._stopped: list[Counter[str]] = [Counter() for _ in self._steps]
        self._added: Counter[int] = Counter()
        self._pairs: Sampled[Alike] = Sampled(PAIRS)
        self.reasons = Reasons()

    def stopped(self, at: int, entry: Rejected) -> None:
        """Note that step `at` (0: parse) left a row out, or rows that were lost together."""
        self._stopped[at][entry.reason] += entry.rows
        self.reasons.add(entry)
        if entry.like:
            self._pairs.offer(
                entry.id,
                lambda: Alike(
                    id=one_line(entry.id), like=one_line(entry.like), similarity_percent=entry.similarity_percent
                ),
            )

    def added(self, at: int) -> None:
        """Note that step `at` made a row; 0 means that it was read."""
        if at:
            self._added[at] += 1

    def pairs(self) -> tuple[Alike, ...]:
        """Return a sample of the rows that were dropped as duplicates, most similar first."""
        return tuple(sorted(self._pairs.chosen(), key=lambda pair: (-pair.similarity_percent, pair.id)))

    def steps(self, kept: int) -> tuple[StepReport, ...]:
        """Return what every step was given and let through, with `kept` rows left after the last."""
        found: list[StepReport] = []
        after = kept
        for at, ((name, settings), stopped) in reversed(list(enumerate(zip(self._steps, self._stopped, strict=True)))):
            before = after + stopped.total() - self._added[at]
            left_out = dict(sorted(stopped.items(), key=lambda pair: (-pair[1], pair[0])))
            said = one_line(json.dumps(settings, ensure_ascii=False, sort_keys=True), SETTINGS)
            found.append(
                StepReport(
                    name=name,
                    settings=said,
                    rows_in=before,
                    rows_out=after,
                    left_out=left_out,
                    added=self._added[at],
                )
            )
            after = before
        return tuple(reversed(found))


def words(steps: Sequence[StepReport]) -> str:
    """Return the steps' numbers in words: `parse 9 to 9, filter 9 to 3 (6 TooShort)`."""
    return ", ".join(f"{step.name} {step.rows_in} to {step.rows_out}{_reasons(step)}" for step in steps)


def _reasons(step: StepReport) -> str:
    said = ", ".join(f"{count} {reason}" for reason, count in step.left_out.items())
    return f" ({said})" if said else ""
