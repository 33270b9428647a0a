"""What was a run estimated to take, and what did it take?"""

from __future__ import annotations

from slipway.api.trainingjob_status import RunMemory
from slipway_train_torch.causal_lm.device import Device, give_back_freed_memory, keep_freed_memory
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.memory.choose import Wanted, may_keep_freed
from slipway_train_torch.causal_lm.memory.estimate import Estimate
from slipway_train_torch.causal_lm.memory.linux import anonymous, peak_resident
from slipway_train_torch.causal_lm.pace import resident_bytes


class Watch:
    """Holds what happens against what was expected; made before weights are read."""

    def __init__(self, wanted: Wanted, room: int | None, device: Device) -> None:
        self._wanted = wanted
        self._room = room
        self._on_gpu = device.torch.type == "cuda"
        self._before = resident_bytes() or 0
        self._anonymous = anonymous() or 0
        self._most = 0

    def allocate(self, layout: Layout) -> None:
        """Let the allocator be as fast as the room allows, with batches cut by `layout`."""
        # Weights and gradients of a divided model come and go too; twice of what is in use was measured to be held.
        ample = self._room is None or self._wanted.shape.parts == 1
        if ample and may_keep_freed(self._wanted.with_layout(layout), self._room):
            keep_freed_memory()
        else:
            give_back_freed_memory()

    def told(self, layout: Layout, held: float | None) -> RunMemory:
        """Return the estimate for `layout`, and the measured peak once a step was done.

        `held` is what the last step held, as the history calls memoryBytes; None before the first.
        """
        return told(self._wanted.with_layout(layout), self._room, None if held is None else self._peak(held))

    def share(self) -> float | None:
        """Return what percentage of its room the run holds now; None where running out of it would not kill it."""
        held = anonymous()
        if self._on_gpu or not self._room or self._room < 0 or held is None:
            return None
        return 100 * max(0, held - self._anonymous) / self._room

    def _peak(self, held: float) -> int:
        """Return the most that weights and steps took: of a GPU in any step, of a process since they were read."""
        most = held if self._on_gpu else (peak_resident() or held) - self._before
        self._most = max(self._most, round(most))
        return self._most


def told(found: Estimate, room: int | None, peak: int | None = None) -> RunMemory:
    """Return the estimate `found` as status has it, of `room` bytes."""
    return RunMemory(
        weights_bytes=found.weights,
        gradients_bytes=found.gradients,
        optimiser_bytes=found.optimiser,
        activations_bytes=found.activations,
        loss_bytes=found.loss,
        safety_bytes=found.safety,
        total_bytes=found.total,
        available_bytes=None if room is None else max(0, room),
        peak_bytes=peak,
    )
