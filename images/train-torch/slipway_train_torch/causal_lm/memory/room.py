"""How much memory may this process still take on its device?"""

from __future__ import annotations

from functools import cache

import torch

from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.memory.linux import left_in_cgroup


@cache
def at_start(device: Device, processes: int) -> int | None:
    """Return the bytes that each of `processes` may take on `device` beside what is taken; None where nothing limits.

    It is asked once in the life of a process: later, memory that an earlier stage has freed would seem taken.
    """
    if device.torch.type == "cuda":
        free: int = torch.cuda.mem_get_info(device.torch)[0]
        return free
    left = left_in_cgroup()
    return None if left is None else left // processes
