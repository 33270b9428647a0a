"""How many nats does a model need for each trained token of held-out rows?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from slipway_train_torch.evaluate.encode import Encoded

CONTEXT = 2048
"""Tokens read of each row, the same for every model that is compared."""
CHUNK = 256
"""Positions whose logits are held at once: a vocabulary is large, a row long."""


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
def held_out_loss(model: Any, row: Encoded, device: torch.device) -> Loss:
    """Return the loss of one row, by a forward pass of its own: padding would change the last digits."""
    ids = torch.tensor(row.ids[:CONTEXT], device=device)
    # Position t predicts token t + 1.
    judged = torch.tensor(row.trained[1:CONTEXT], device=device).nonzero().squeeze(1)
    if not len(judged):
        return Loss(0.0, 0)
    hidden = model.get_decoder()(input_ids=ids[None], use_cache=False).last_hidden_state[0]
    head: Callable[[torch.Tensor], torch.Tensor] = model.get_output_embeddings()
    nats = 0.0
    for at in judged.split(CHUNK):
        logits = head(hidden[at]).float()
        nats += torch.nn.functional.cross_entropy(logits, ids[at + 1], reduction="sum").item()
    return Loss(nats, len(judged))
