"""Which rows go through the model together, and in what order?

The order is a function of the rows, the seed and the epoch, so a resumed run needs nothing but the number of its step.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from slipway_train_torch.causal_lm.data import Example

Row = tuple[Example, ...]
"""What fills one line of a batch: one example, or several packed behind each other."""

BUCKET = 32
"""Padded batches whose rows are sorted by length together: enough to save padding, few enough to stay random."""


@dataclass(frozen=True)
class Rows:
    """Where the examples of a flat batch, which has no padding, begin and end."""

    sizes: tuple[int, ...]
    """Tokens of each."""
    ends: torch.Tensor
    """0, and how many tokens lie before the end of each, as 32-bit integers."""
    longest: int


@dataclass(frozen=True)
class Batch:
    """Token ids [rows, length], padded on the right, and which positions are trained to say what.

    Attention is causal, so no token ever sees the padding behind it, and no mask is needed. `position_ids` start again
    at each example of a packed row; from that transformers keeps attention inside each example. A flat batch is one row
    with all examples (slipway_train_torch.causal_lm.flat), and knows where each lies.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor | None
    at: torch.Tensor
    """Indices into the flattened [rows * length] of the positions that bear loss."""
    targets: torch.Tensor
    """The token that each of them shall say."""
    lengths: torch.Tensor
    """Of each position [rows, length], the tokens of the example that it belongs to; 1 where there is padding."""
    tokens: int
    """Tokens that are not padding."""
    rows: Rows | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what the model is told beside the tokens."""
        found: dict[str, Any] = {} if self.position_ids is None else {"position_ids": self.position_ids}
        if self.rows is not None:
            # A mask of four dimensions is taken as it is: none is made, and attention inside each row needs none.
            found |= {"rows": self.rows, "attention_mask": self.rows.ends.new_empty((1, 1, 1, 1))}
        return found

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        positions = None if self.position_ids is None else self.position_ids.to(device)
        return replace(
            self,
            input_ids=self.input_ids.to(device),
            position_ids=positions,
            at=self.at.to(device),
            targets=self.targets.to(device),
            lengths=self.lengths.to(device),
            rows=None if self.rows is None else replace(self.rows, ends=self.rows.ends.to(device)),
        )


def rows(examples: Sequence[Example], batching: str, max_tokens: int) -> tuple[Row, ...]:
    """Return the lines that batches are made of: one example each, or packed up to `max_tokens`."""
    if batching == "Packed":
        return packed(examples, max_tokens)
    return tuple((example,) for example in examples)


def packed(examples: Sequence[Example], capacity: int) -> tuple[Row, ...]:
    """Return `examples` packed first-fit by decreasing length (11/9 of the optimum at worst), none cut."""
    bins: list[list[Example]] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda e: (-len(e.ids), e.id)):
        size = len(example.ids)
        at = next((i for i, free in enumerate(room) if free >= size), None)
        if at is None:
            bins.append([example])
            room.append(capacity - size)
        else:
            bins[at].append(example)
            room[at] -= size
    return tuple(tuple(found) for found in bins)


def epoch(lines: Sequence[Row], batch_size: int, seed: int, number: int, flat: bool) -> tuple[tuple[Row, ...], ...]:
    """Return the batches of epoch `number`, shuffled; the last one may be smaller.

    Rows of like length share a batch where that saves padding. It has a price: a batch counts the same however many
    tokens it holds, so a token among long rows counts less. Nothing is padded where batches are `flat`, and there a
    batch is drawn without regard to length. Within each, rows are sorted, which lets processes take equal shares.
    """
    draw = random.Random(f"{seed}/{number}")
    order = list(range(len(lines)))
    draw.shuffle(order)
    span = batch_size * (1 if flat else BUCKET)
    buckets = (order[at : at + span] for at in range(0, len(order), span))
    order = [i for bucket in buckets for i in sorted(bucket, key=lambda i: tokens_in(lines[i]))]
    batches = [tuple(lines[i] for i in order[at : at + batch_size]) for at in range(0, len(order), batch_size)]
    draw.shuffle(batches)
    return tuple(batches)


def collate(lines: Sequence[Row], pad: int) -> Batch:
    """Return `lines` as tensors."""
    length = max(tokens_in(row) for row in lines)
    ids = torch.full((len(lines), length), pad)
    positions = torch.zeros((len(lines), length), dtype=torch.long)
    lengths = torch.ones((len(lines), length))
    at: list[int] = []
    targets: list[int] = []
    for line, row in enumerate(lines):
        start = 0
        for example in row:
            size = len(example.ids)
            ids[line, start : start + size] = torch.tensor(example.ids)
            positions[line, start : start + size] = torch.arange(size)
            lengths[line, start : start + size] = size
            here = line * length + start
            for said in range(1, size):
                if example.trained[said]:
                    at.append(here + said - 1)
                    targets.append(example.ids[said])
            start += size
        positions[line, start:] = torch.arange(length - start)
    alone = all(len(row) == 1 for row in lines)
    tokens = sum(tokens_in(row) for row in lines)
    return Batch(ids, None if alone else positions, torch.tensor(at), torch.tensor(targets), lengths, tokens)


def targets(lines: Sequence[Row]) -> int:
    """Return how many tokens of `lines` bear loss."""
    return sum(example.targets for row in lines for example in row)


def tokens_in(row: Row) -> int:
    """Return the tokens of `row`."""
    return sum(len(example.ids) for example in row)
