"""What is done when memory does not suffice?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from slipway.contract.result import Rung
from slipway_pod.errors import OutOfMemory
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.layout import Layout, out_of_memory

log = logging.getLogger("slipway")
T = TypeVar("T")


class Ladder:
    """Does work in ever smaller pieces of the same batch while memory does not suffice, and remembers each rung.

    Gradients are summed over the pieces, so the batch stays what it was. The rungs are bounded: a micro batch is halved
    until it is one row, then activations are computed again instead of kept, then the run ends.
    """

    def __init__(
        self, device: Device, model: Any, layout: Layout, release: Callable[[], None], *, rigid: int | None = None
    ) -> None:
        """Do the work of `model` on `device`, at first in pieces cut by `layout`.

        `rigid` are the rows of a batch that this process computes, where it may not cut them smaller.

        Processes that divide a model among themselves wait for each other in every layer: one that has failed in the
        middle of a pass cannot tell the others to begin it again.
        """
        self._rigid = rigid
        self._device = device
        self._model = model
        self._release = release
        """Lets go of what a failed pass has left, such as half of the gradients."""
        self.layout = layout
        self.rungs: list[Rung] = []

    def arrange(self, layout: Layout) -> None:
        """Cut batches by `layout` from now on."""
        self.layout = layout
        if layout.recompute:
            self._model.activation_checkpointing_enable()

    def do(self, work: Callable[[], T], step: int) -> T:
        """Return what `work` returns, in step number `step`; raise OutOfMemory below the last rung."""
        while True:
            random_state = self._device.random_state()
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                said = str(error)
            # Out of the handler: the error's traceback held on to what the failed pass had made.
            smaller = self.layout.smaller()
            if smaller is not None and self._rigid is not None:
                raise _too_rigid(min(self._rigid, self.layout.micro_batch), step, self._device, said)
            if smaller is None:
                walked = ", then ".join(str(rung.micro_batch) for rung in self.rungs if not rung.recompute)
                raise OutOfMemory(
                    "OutOfMemory",
                    f"at step {step}, {self._device.torch} has too little memory even for one row at a time with "
                    f"activations computed again{f' (after {walked} rows)' if walked else ''}: lower "
                    "recipe.causalLM.maxTokens, or raise resources (memory, or a larger GPU)",
                    example=said[:200],
                )
            log.warning("step %d: out of memory with %s, going on with %s: %s", step, self.layout, smaller, said)
            self.rungs.append(Rung(step=step, micro_batch=smaller.micro_batch, recompute=smaller.recompute))
            self.arrange(smaller)
            self._release()
            if self._device.torch.type == "cuda":
                torch.cuda.empty_cache()
            self._device.restore_random_state(random_state)


def _too_rigid(rows: int, step: int, device: Device, said: str) -> OutOfMemory:
    """Return the error of a run that may not cut `rows` smaller; `said` is what the device said."""
    less = f"set recipe.causalLM.microBatchSize to {(rows + 1) // 2}, " if rows > 1 else ""
    return OutOfMemory(
        "OutOfMemory",
        f"at step {step}, {device.torch} has too little memory for {rows} row{'s' if rows > 1 else ''} at a time, and "
        f"with sharding batches cannot be cut smaller once a run has begun: {less}lower recipe.causalLM.maxTokens, or "
        "raise resources (memory, or more or larger GPUs)",
        example=said[:200],
    )
