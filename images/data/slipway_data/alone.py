"""What do the steps do that look at one row alone, whatever rows there were before?

They are done ahead of the others, on as many cores as there are (see ahead.py), so nothing that reads the store or
keeps a memory belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile

from slipway.api.dataset_steps import Deduplicate, Filter, Redact, Step
from slipway_data.counts import Counts
from slipway_data.filters import Filtered
from slipway_data.known import Known
from slipway_data.raw import Refused
from slipway_data.redact import Redactor
from slipway_data.rows import Preference, Rejected, Row
from slipway_data.schema import check
from slipway_data.sketch import banding, sketch

Change = Callable[[Row], Row | Rejected]


@dataclass(frozen=True)
class Work:
    """The first steps after parse, as far as they look at one row alone, with their numbers.

    `banding` is that of the MinHash step which follows them, if one does: then a sketch is drawn of what they leave.
    """

    steps: tuple[tuple[int, Filter | Redact], ...] = ()
    banding: tuple[int, int] | None = None
    tells: bool = False
    """Whether it tells of each row what it counted, for who keeps it with the row."""

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Work:
        """Return what of the `steps` of a job is such work; the first of them is parse."""
        chosen = [step.chosen for step in steps[1:]]
        alone = list(takewhile(lambda step: isinstance(step, Filter | Redact), chosen))
        numbered = tuple((n, step) for n, step in enumerate(alone, start=1) if isinstance(step, Filter | Redact))
        match chosen[len(alone) : len(alone) + 1]:
            case [Deduplicate(method="MinHash", similarity_percent=percent)]:
                return cls(numbered, banding(percent / 100))
        return cls(numbered)


@dataclass(frozen=True)
class Done:
    """A row after some steps, or why it was left out.

    `step` is the number of the last step that it went through, `added` that of the step that made it: 0 where it was
    read.
    """

    item: Row | Rejected
    step: int
    added: int = 0
    counted: Counts | None = None
    """What the steps counted of it, where they tell that."""


class Alone:
    """Does the work on one row after the other, and counts in `counts`."""

    def __init__(self, work: Work) -> None:
        self.counts = Counts()
        self._here = Counts() if work.tells else self.counts
        self._changes = [(number, change(step, number, self._here)) for number, step in work.steps]
        self._banding = work.banding
        self._tells = work.tells

    def __call__(self, item: Row | Rejected | Known) -> Done:
        """Return what becomes of a row; what was rejected before stays so, and what is known is not done again."""
        if isinstance(item, Known):
            self.counts.add(item.counted)
            return Done(self._drawn(item.item), item.step)
        item, done = self._changed(item)
        if not self._tells:
            return Done(self._drawn(item), done)
        counted = Counts()
        counted.add(self._here)
        self.counts.add(self._here)
        self._here.clear()
        return Done(self._drawn(item), done, counted=counted)

    def _changed(self, item: Row | Rejected) -> tuple[Row | Rejected, int]:
        """Return a row after the steps, and the number of the last that it went through."""
        done = 0
        if isinstance(item, Row):
            self._here.read(item)
        for number, step in self._changes:
            if isinstance(item, Rejected):
                break
            item, done = step(item), number
        return item, done

    def _drawn(self, item: Row | Rejected) -> Row | Rejected:
        """Return a row with its sketch, where the next step needs one."""
        if self._banding is None or isinstance(item, Rejected):
            return item
        return replace(item, drawn=sketch(item.content.text, *self._banding))


def change(step: Filter | Redact, number: int, counts: Counts) -> Change:
    """Return what `step`, the `number`th of its job, does with a row."""
    if isinstance(step, Filter):
        return Filtered(step, number, counts)
    return partial(_redacted, Redactor(step.kinds or (), counts.replaced, step.own or ()))


def _redacted(redactor: Redactor, row: Row) -> Row | Rejected:
    content = row.content.mapped(redactor)
    if isinstance(content, Preference):
        # What was preferred may have been nothing but the private text.
        try:
            check(content)
        except Refused as error:
            return error.rejected(row.id)
    return replace(row, content=content, drawn=None)
