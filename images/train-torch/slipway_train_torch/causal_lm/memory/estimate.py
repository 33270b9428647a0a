"""What does a step of training hold in memory when it holds the most?

Arithmetic only. It counts what autograd keeps of a decoder layer of the Llama family as this trainer computes it
(slipway_train_torch.causal_lm.kernels); how near that comes is measured in docs/decisions/training-memory.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

FLOAT: Final = 4
CHUNK: Final = 256
"""Positions whose logits the loss holds at once (slipway_train_torch.causal_lm.loss)."""
SAFETY_PERCENT: Final = 10
"""For what an allocator rounds up or cannot use again, and for what is too small to be counted."""


@dataclass(frozen=True)
class Shape:
    """What the memory of a run follows from, beside its rows."""

    weights: int
    """Bytes of all weights as they are loaded, an adapter's among them."""
    trained: int
    """Numbers that are trained; float32, whatever the model runs in."""
    layers: int
    """Decoder layers through which gradients flow."""
    width: int
    inner: int
    """Width between the linear layers of a feed-forward network."""
    queries: int
    """Width of all heads' queries together."""
    keys: int
    """Width of all heads' keys together; values have the same."""
    vocabulary: int
    number: int
    """Bytes of a number in the forward pass."""
    rank: int = 0
    """Of the adapter; 0 where there is none."""
    copied: int = 0
    """Bytes of weights in the format of the forward pass that are held beside those that are trained."""
    unpacked: int = 0
    """Bytes of the largest weight in 4 bits, which is made whole for its products."""
    head_trained: bool = False
    magnitudes: bool = False
    """DoRA: peft's own layers, which keep more."""
    dropout: bool = False
    pairs: bool = False
    """DPO: its loss keeps a chunk's logits, their softmax and their gradient beside each other."""
    keeps_best: bool = False
    """Whether a copy of the best trained numbers lies in the same memory."""
    parts: int = 1
    """Processes that divide weights, gradients and optimiser among themselves."""
    gathered: int = 0
    """Bytes of the divided weights that are whole at once."""
    reduced: int = 0
    """Bytes of the gradients that are whole at once, until they are added up and divided."""


@dataclass(frozen=True)
class Piece:
    """Rows that go through the model together: all their tokens, and those that bear loss."""

    tokens: int
    trained: int


class Lines:
    """The lengths of a run's rows."""

    def __init__(self, tokens: Sequence[int], trained: Sequence[int]) -> None:
        """Take, of each row, all tokens and those that bear loss."""
        self._tokens = (0, *accumulate(sorted(tokens, reverse=True)))
        self._trained = (0, *accumulate(sorted(trained, reverse=True)))

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return self._tokens[min(1, len(self._tokens) - 1)]

    def largest(self, rows: int) -> Piece:
        """Return what no piece of `rows` rows exceeds.

        It nearly occurs where rows of like length go together, to save padding, and seldom where they are drawn freely.
        """
        at = min(rows, len(self._tokens) - 1)
        return Piece(self._tokens[at], self._trained[at])


@dataclass(frozen=True)
class Estimate:
    """What is held at once, in bytes by purpose."""

    weights: int
    gradients: int
    optimiser: int
    activations: int
    """What is kept from forward to backward, and what one layer needs in passing."""
    loss: int
    """A chunk of logits, and the states and gradients that belong to them."""

    @property
    def least(self) -> int:
        """All of it, with nothing to spare."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.loss

    @property
    def safety(self) -> int:
        """What is to be free beside it."""
        return self.least * SAFETY_PERCENT // 100

    @property
    def total(self) -> int:
        """All of it, and the safety."""
        return self.least + self.safety


def estimate(shape: Shape, piece: Piece, recompute: bool) -> Estimate:
    """Return what training on pieces like `piece` holds.

    The parts are added up as if each were at its largest at once. They are, from the second piece of a batch on.
    """
    weights = shape.weights + (FLOAT * shape.trained if shape.keeps_best else 0)
    return Estimate(
        weights=_part(weights, shape) + shape.gathered,
        gradients=_part(FLOAT * shape.trained, shape) + shape.reduced,
        # AdamW's two moments; its fused step needs nothing in passing.
        optimiser=_part(2 * FLOAT * shape.trained, shape),
        activations=shape.copied + shape.unpacked + piece.tokens * per_token(shape, recompute),
        loss=of_loss(shape, piece),
    )


def _part(size: int, shape: Shape) -> int:
    """Return what each process holds of `size` bytes."""
    return -(-size // shape.parts)


def per_token(shape: Shape, recompute: bool) -> int:
    """Return the bytes that each token of a piece takes in all layers together.

    With `recompute`, every layer keeps its input, and one at a time everything.
    """
    layer, entry = of_layer(shape), shape.width * shape.number
    kept = shape.layers * entry + layer if recompute and shape.layers > 1 else shape.layers * layer
    # Embedded tokens, the last norm's input and result; and the gradients that pass through one layer.
    ends = 3 * shape.width * shape.number
    passing = (2 * shape.width + 3 * shape.inner) * shape.number
    return kept + ends + passing


def of_layer(shape: Shape) -> int:
    """Return the bytes that a layer keeps for each token.

    Attention: the input before and after its norm, queries, keys and values, their result row by row and put together.
    Feed-forward: its input before and after the norm, gate, up and their product. An adapter keeps what its A made.
    """
    wide = 4 * shape.width + 3 * shape.queries + 2 * shape.keys
    size = (wide + 3 * shape.inner + 7 * shape.rank) * shape.number
    outputs = shape.width * 2 + shape.queries + 2 * shape.keys + 2 * shape.inner
    inputs = shape.width * 5 + shape.queries + shape.inner
    if shape.magnitudes:
        # Of each linear layer its result, with and without the adapter.
        size += 2 * outputs * shape.number
    if shape.dropout:
        # Each of the seven linear layers has its own input, thinned, and which numbers of it are left.
        size += inputs * (FLOAT + 1)
    return size


def of_loss(shape: Shape, piece: Piece) -> int:
    """Return the bytes that the loss of a piece takes."""
    # In float32 the logits are made in place, else they are copied, forth and back.
    copies = FLOAT if shape.number == FLOAT else 2 * shape.number + FLOAT
    if shape.pairs:
        copies += 2 * FLOAT
    logits = min(CHUNK, piece.trained) * shape.vocabulary * copies
    states = 2 * piece.trained * shape.width * shape.number
    return logits + states + (FLOAT * shape.vocabulary * shape.width if shape.head_trained else 0)
