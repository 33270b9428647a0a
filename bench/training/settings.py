"""With which settings is TRL's SFTTrainer tried? All that leave the batches, and so the result, what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "rows alone": {"per_device_train_batch_size": 1},
    "padded, grouped by length": {"train_sampling_strategy": "group_by_length"},
    "padding-free": {"padding_free": True, "max_length": None},
}
"""Each by its name: what differs from a whole batch in one pass with TRL's default loss."""
COMPILED = "compiled"


def settings(name: str, batch_size: int) -> dict[str, Any]:
    """Return the arguments of SFTConfig that the settings called `name` stand for."""
    own = SETTINGS[name.removesuffix(f", {COMPILED}")]
    rows = own.get("per_device_train_batch_size", batch_size)
    found = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": batch_size // rows, **own}
    return found | ({"torch_compile": True} if name.endswith(COMPILED) else {})
