"""What computes, and in which number format?"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""Options of glibc's mallopt: how much may lie free at the end of the heap, how large a block is that lies outside of
it, and how many of them there may be.
"""
KEPT_BYTES = 2**31 - 1
GIVEN_BACK_BYTES, BLOCKS = 128 * 1024, 65536
"""What glibc begins with. Once it is set, glibc does not raise it any more whenever a larger block is freed."""


@dataclass(frozen=True)
class Device:
    """A device and the format of its forward pass. Adapter, optimiser and loss are float32 whatever it is."""

    torch: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The format in the spec's words."""
        return "BF16" if self.dtype == torch.bfloat16 else "FP32"

    def autocast(self) -> torch.autocast:
        """Return the context in which the model runs forward."""
        return torch.autocast(self.torch.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def random_state(self) -> dict[str, torch.Tensor]:
        """Return the state of the generators that dropout draws from."""
        found = {"cpu": torch.get_rng_state()}
        if self.torch.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self.torch)
        return found

    def restore_random_state(self, state: dict[str, torch.Tensor]) -> None:
        """Let dropout go on drawing where `state` was taken."""
        torch.set_rng_state(state["cpu"])
        if self.torch.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.torch)


def choose(precision: str) -> Device:
    """Return the GPU if there is one, else the CPU, with the format that `precision` (Auto, BF16, FP32) means there."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    # Older GPUs know the format too, by emulation, which is slower than FP32.
    native = (
        torch.cuda.is_bf16_supported(including_emulation=False)
        if on_gpu
        else cpu_has_fast_bf16(torch.cpu.get_capabilities())
    )
    wanted = precision == "BF16" or (precision == "Auto" and native)
    return Device(device, torch.bfloat16 if wanted else torch.float32)


def cpu_has_fast_bf16(capabilities: dict[str, Any]) -> bool:
    """Tell whether BF16 beats FP32 on a CPU.

    Only AMX does: with avx512_bf16 alone, matrix products in BF16 took twice the time of FP32 where it was measured
    (docs/decisions/training-on-cpu.md).
    """
    return bool(capabilities.get("amx_bf16"))


def deterministic() -> None:
    """Let equal runs give equal bits, wherever torch knows how."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling fresh memory finds bugs of torch, costs a tenth of the time, and changes no result of ours.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False


def keep_freed_memory() -> None:
    """Let the allocator keep what was freed instead of giving it back to the kernel.

    Activations come and go with each layer; fresh pages are zeroed by the kernel before each use, which cost a CPU a
    part of each step (docs/decisions/training-speed.md). The process then holds up to about twice what is in use at
    once (docs/decisions/training-memory.md).
    """
    _mallopt({M_TRIM_THRESHOLD: KEPT_BYTES, M_MMAP_MAX: 0})


def give_back_freed_memory() -> None:
    """Let the allocator give every tensor's memory back to the kernel when it is freed: nothing but what is in use is
    held, and fresh pages cost time.
    """
    _mallopt({M_TRIM_THRESHOLD: GIVEN_BACK_BYTES, M_MMAP_THRESHOLD: GIVEN_BACK_BYTES, M_MMAP_MAX: BLOCKS})


def _mallopt(options: dict[int, int]) -> None:
    """Set options of the allocator; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)
