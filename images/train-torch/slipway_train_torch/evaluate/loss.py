"""How many nats does a model need for each trained token of a held-out row?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from slipway_train_torch.causal_lm.batches import collate
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.loss import head_weight, summed_loss
from slipway_train_torch.evaluate.encode import encode
from slipway_train_torch.evaluate.items import Item

CONTEXT = 2048
"""Tokens read of each row, the same for every model that is compared."""


@dataclass(frozen=True)
class Loss:
    """Cross-entropy of one row: nats over the trained tokens, together."""

    nats: float
    tokens: int

    @property
    def mean(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens if self.tokens else 0.0


@torch.inference_mode()
def held_out_loss(model: Any, tokenizer: Any, item: Item, device: torch.device) -> Loss:
    """Return the loss of one row, by a forward pass of its own: padding would change the last digits.

    It is the loss of training and validation, over the same tokens, so that figures can be laid side by side.
    """
    row = encode(item, tokenizer)
    example = Example(item.id, row.ids[:CONTEXT], row.trained[:CONTEXT])
    if not example.targets:
        return Loss(0.0, 0)
    batch = collate(((example,),), pad=0).to(device)
    return Loss(summed_loss(model, head_weight(model), batch).item(), example.targets)
