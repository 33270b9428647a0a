"""In which ways are the recipe's decoder layers compiled, to be measured beside the recipe as it is?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """How the layers are computed."""

    compiled: bool = False
    dynamic: bool | None = None
    """Whether sizes are taken as variable from the first batch on; None: from the second on that differs."""
    exchanged: bool = True
    """Whether layers are exchanged for ours (slipway_train_torch.causal_lm.faster); else transformers' are compiled."""


VARIANTS: Mapping[str, Variant] = {
    "as it is": Variant(),
    "compiled": Variant(compiled=True, dynamic=True),
    "compiled, nothing exchanged": Variant(compiled=True, dynamic=True, exchanged=False),
    "compiled, sizes when they differ": Variant(compiled=True),
    "compiled, nothing exchanged, sizes when they differ": Variant(compiled=True, exchanged=False),
}
"""Each by its name; the first is what every other is compared with."""
