"""How are embeddings shaken while training, so that a model tuned on few rows does not learn them by heart?"""

from __future__ import annotations

from typing import Any

import torch

from slipway_train_torch.causal_lm.batches import Batch


class Noise:
    """NEFTune (arXiv:2310.05914): uniform noise on each embedding, up to alpha / sqrt(tokens x width).

    `tokens` are those of the example that the token belongs to, so that neither padding nor packing changes its size.
    It draws from torch's generator, which checkpoints hold.
    """

    def __init__(self, alpha: float, embeddings: torch.nn.Module) -> None:
        self._alpha = alpha
        self._lengths = torch.ones((1, 1))
        if alpha:
            embeddings.register_forward_hook(self._add)

    def on(self, batch: Batch) -> None:
        """Size the noise for `batch`, whose forward pass comes next."""
        self._lengths = batch.lengths

    def _add(self, module: torch.nn.Module, inputs: Any, found: torch.Tensor) -> torch.Tensor:
        if not module.training:
            return found
        bound = self._alpha / (self._lengths[..., None] * found.shape[-1]).sqrt()
        return found + torch.empty_like(found).uniform_(-1, 1) * bound.to(found.dtype)
