"""How much better is a version than the base model, layer by layer, and how sure is that?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

from e2e.example.layers import Layers
from e2e.example.results import Item
from slipway_train_torch.evaluate.bounds import Gain, binary_bound, graded_bound

CONFIDENCE_PERCENT = 95
EACH_SIDE = 100 - (100 - CONFIDENCE_PERCENT) / 2
SEED = 0
"""Of the bootstrap: the same report makes the same table."""
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
    def better(self) -> bool:
        """Whether the tuned model is surely better."""
        return self.low > 0

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


@dataclass(frozen=True)
class Loss:
    """How many nats a token of the same texts takes of either model, and how much more since; less is better."""

    metric: str
    base: float
    tuned: float
    low: float
    high: float

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as people read it."""
        return (
            self.metric,
            f"{self.base:.2f}",
            f"{self.tuned:.2f}",
            f"{self.tuned - self.base:+.2f} nats",
            f"{self.low:+.2f} to {self.high:+.2f}",
        )

    @property
    def better(self) -> bool:
        """Whether the tuned model is surely better."""
        return self.high < 0


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


def loss(metric: str, items: Sequence[Item]) -> Loss:
    """Return what either model's loss on the same texts says. Raises ValueError for too few texts.

    The interval is by the gates' bootstrap of nats per token: the bound of what was gained, and that of what was lost.
    """
    tokens = sum(item.tuned["weight"] for item in items)
    base = sum(item.base["amount"] for item in items) / tokens
    tuned = sum(item.tuned["amount"] for item in items) / tokens
    low, high = (graded_bound([_gain(item, sign) for item in items], EACH_SIDE, SEED) for sign in (1, -1))
    if low is None or high is None:
        raise ValueError(f"there are too few texts to compare in {metric}")
    return Loss(metric, base, tuned, low, -high)


def _gain(item: Item, sign: int) -> Gain:
    note = item.tuned
    return Gain(note["group"], sign * (note["amount"] - item.base["amount"]), note["weight"])


def shown(found: Sequence[Row | Loss], title: str) -> Table:
    """Return the table for a terminal."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row in found:
        table.add_row(*row.cells, style="green" if row.better else "")
    return table


def markdown(found: Sequence[Row | Loss]) -> str:
    """Return the table as Markdown, for a README."""
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *(row.cells for row in found)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
