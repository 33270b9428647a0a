"""How much better is a version than the base model, layer by layer, and how sure is that?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

from e2e.example.layers import Layers
from slipway_train_torch.evaluate.bounds import binary_bound

CONFIDENCE_PERCENT = 95
EACH_SIDE = 100 - (100 - CONFIDENCE_PERCENT) / 2
HEADINGS = ("", "base", "tuned", "difference", f"{CONFIDENCE_PERCENT} % interval")


@dataclass(frozen=True)
class Row:
    """One layer: how many of the same items pass it with either model; `low` and `high` are percentage points."""

    layer: str
    items: int
    base: int
    tuned: int
    low: float
    high: float

    @property
    def points(self) -> float:
        """The difference in percentage points."""
        return 100 * (self.tuned - self.base) / self.items

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as people read it."""
        return (
            self.layer,
            f"{self.base} of {self.items}",
            f"{self.tuned} of {self.items}",
            f"{self.points:+.0f} points",
            f"{self.low:+.0f} to {self.high:+.0f}",
        )


def rows(layers: Iterable[str], pairs: Sequence[tuple[Layers, Layers]]) -> list[Row]:
    """Return a row for each of `layers`; `pairs` are (tuned, base) of each item."""
    return [compared(layer, [(tuned[layer], base[layer]) for tuned, base in pairs]) for layer in layers]


def compared(layer: str, pairs: Sequence[tuple[bool, bool]]) -> Row:
    """Return what paired outcomes (tuned, base) say of a layer. Raises ValueError for no pairs.

    The interval is Tango's for paired proportions, by the code of the gates (slipway_train_torch.evaluate.bounds): the
    lower bound of the improvement, and that of its opposite.
    """
    better = sum(tuned and not base for tuned, base in pairs)
    worse = sum(base and not tuned for tuned, base in pairs)
    low, high = (binary_bound(*counts, len(pairs), EACH_SIDE) for counts in ((better, worse), (worse, better)))
    if low is None or high is None:
        raise ValueError(f"there is no pair of answers to compare in layer {layer}")
    base = sum(one for _, one in pairs)
    return Row(layer, len(pairs), base, base + better - worse, 100 * low, -100 * high)


def shown(found: Sequence[Row], title: str) -> Table:
    """Return the table for a terminal."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row in found:
        table.add_row(*row.cells, style="green" if row.low > 0 else "")
    return table


def markdown(found: Sequence[Row]) -> str:
    """Return the table as Markdown, for a README."""
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *(row.cells for row in found)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
