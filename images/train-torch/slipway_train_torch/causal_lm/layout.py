"""How is a batch cut, so that it fits into memory?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from accelerate.utils.memory import should_reduce_batch_size

T = TypeVar("T")


@dataclass(frozen=True)
class Layout:
    """Rows per forward pass, and whether activations are computed again instead of kept.

    Gradients are summed over the passes of a batch and divided by all its trained tokens, so the layout changes what a
    step costs, not what it does.
    """

    micro_batch: int
    recompute: bool = False

    @property
    def rank(self) -> tuple[bool, int]:
        """How far down the ladder it is: the larger, the less memory it needs."""
        return self.recompute, -self.micro_batch

    def smaller(self) -> Layout | None:
        """Return the next layout that needs less memory; None when this is the last."""
        if self.micro_batch > 1:
            return replace(self, micro_batch=(self.micro_batch + 1) // 2)
        return None if self.recompute else replace(self, recompute=True)

    def cut(self, batch: Sequence[T]) -> Iterator[Sequence[T]]:
        """Yield `batch` in pieces of the micro batch's size."""
        for at in range(0, len(batch), self.micro_batch):
            yield batch[at : at + self.micro_batch]


def out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` says that memory ran out."""
    return isinstance(error, MemoryError) or (isinstance(error, Exception) and should_reduce_batch_size(error))
