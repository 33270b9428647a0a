"""How likely does a model find whole answers, without ever holding all logits?"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from slipway_train_torch.causal_lm.batches import Batch
from slipway_train_torch.causal_lm.loss import CHUNK


def answer_logprobs(model: Any, weight: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the log probability [rows], in nats, of the trained tokens in each row of `batch`, one example a row.

    `weight` is that of the output layer. Logits exist for `CHUNK` trained positions at a time; going back, they are
    computed again, for what each answer weighs in the loss is known only when all are.
    """
    hidden = model.get_decoder()(input_ids=batch.input_ids, use_cache=False, **batch.arguments()).last_hidden_state
    picked = hidden.flatten(0, 1).index_select(0, batch.at)
    pieces = zip(picked.split(CHUNK), batch.targets.split(CHUNK), strict=True)
    said = [checkpoint(_surprise, rows, weight, targets, use_reentrant=False) for rows, targets in pieces]
    rows, line = _lines(batch)
    return torch.zeros(rows, device=hidden.device).index_add(0, line, torch.cat(said), alpha=-1)


def _lines(batch: Batch) -> tuple[int, torch.Tensor]:
    """Return how many rows `batch` has, and the row of each trained position."""
    if batch.rows is None:
        rows, length = batch.input_ids.shape
        return rows, torch.div(batch.at, length, rounding_mode="floor")
    return len(batch.rows.sizes), torch.bucketize(batch.at, batch.rows.ends[1:], right=True)


def _surprise(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy [n] of each target [n]; hidden [n, width], weight [vocabulary, width]."""
    with torch.autocast(hidden.device.type, enabled=False):
        logits = hidden.to(weight.dtype) @ weight.t()
    return cross_entropy(logits.float(), targets, reduction="none")
