"""Into what pieces are batches cut, so that they fit into the memory there is?"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from slipway_pod.errors import OutOfMemory
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory.estimate import Estimate, Lines, Shape, estimate

log = logging.getLogger("slipway")

GIB = 2**30
ALONE = ", or ask for several GPUs (resources.gpu.count) that divide it by recipe.causalLM.sharding: Full"
KEPT_PERCENT = 125
"""What the process holds when freed memory is kept, in percent of what comes and goes: 120 was the most measured."""


@dataclass(frozen=True)
class Wanted:
    """A run whose memory is to be known."""

    shape: Shape
    lines: Lines
    rows: int
    """Rows of a batch that this process computes; a piece never has more."""
    could_share: int = 1
    """Processes that each hold a whole model and could divide it among themselves."""

    def with_layout(self, layout: Layout) -> Estimate:
        """Return what the run holds when its batches are cut by `layout`."""
        piece = self.lines.largest(min(layout.micro_batch, self.rows))
        return estimate(self.shape, piece, layout.recompute)


def choose(wanted: Wanted, asked: Layout, room: int | None, device: str) -> Layout:
    """Return the first layout, beginning with `asked`, that fits into `room` bytes of `device`, None being no limit.

    Where even the last one fits only with nothing to spare, it is tried all the same: the estimate has errors too.
    Raises OutOfMemory where it cannot fit.
    """
    if room is None:
        return asked
    for layout in smaller(asked):
        if wanted.with_layout(layout).total <= room:
            if layout != asked:
                log.info("%s instead of %s: %.2f GiB of memory are there", layout, asked, room / GIB)
            return layout
    last = replace(asked, micro_batch=1, recompute=True)
    needed = wanted.with_layout(last)
    if needed.least > room:
        raise too_small(wanted, needed, room, device)
    log.warning("memory is short: %s takes about %.2f of %.2f GiB", last, needed.least / GIB, room / GIB)
    return last


def smaller(asked: Layout) -> Iterator[Layout]:
    """Yield `asked` and layouts that need less and less time-saving memory.

    Activations are kept as long as one row at a time fits, for to compute them again costs a third of a step. Once they
    are computed again, as many rows go together as fit.
    """
    for recompute in (False, True):
        if recompute >= asked.recompute:
            micro = asked.micro_batch
            while micro > 1:
                yield Layout(micro, recompute)
                micro = (micro + 1) // 2
            yield Layout(1, recompute)


def may_keep_freed(needed: Estimate, room: int | None) -> bool:
    """Tell whether `room` has space enough for an allocator that is faster and holds more than is in use."""
    coming_and_going = needed.activations + needed.loss
    return room is None or needed.least + coming_and_going * KEPT_PERCENT // 100 <= room


def _could_be_quantised(wanted: Wanted) -> bool:
    """Tell whether most of what is held are the weights of a model that only an adapter is trained of."""
    of = wanted.shape
    return of.rank > 0 and of.unpacked == 0 and of.parts == 1 and not of.head_trained


def too_small(wanted: Wanted, needed: Estimate, room: int, device: str) -> OutOfMemory:
    """Return the error of a run that needs more than `room` whatever its layout, with the numbers and the cure."""
    parts = ", ".join(f"{name} {value / GIB:.2f}" for name, value in vars(needed).items())
    more = "spec.resources.memory by at least" if device == "cpu" else "spec.resources.gpu to one with at least"
    shared = wanted.could_share
    size = needed.total - room if device == "cpu" else needed.total
    return OutOfMemory(
        "MemoryTooSmall",
        f"training takes about {needed.least / GIB:.2f} GiB of memory with one row at a time and activations computed "
        f"again ({parts}), and {device} has {room / GIB:.2f} GiB for it: raise {more} {size / GIB:.2f} GiB, lower "
        f"recipe.causalLM.maxTokens (the longest row has {wanted.lines.longest} tokens), or choose a smaller base model"
        + (" or method LoRA" if needed.optimiser > needed.weights else "")
        + (", or method QLoRA, which holds it in 4 bits" if device == "cuda" and _could_be_quantised(wanted) else "")
        + (f", or divide it among the {shared} processes by recipe.causalLM.sharding: Full" if shared > 1 else "")
        + (f", or divide it among more than {wanted.shape.parts} processes" if wanted.shape.parts > 1 else "")
        + (ALONE if device == "cuda" and shared == 1 and wanted.shape.parts == 1 and not wanted.shape.unpacked else ""),
    )
