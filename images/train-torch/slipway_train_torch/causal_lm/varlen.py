"""When does torch's fused kernel compute the attention of rows that lie behind each other, and how is it asked?

Which devices and heads it takes is not told beforehand, so it is tried once for each, forth and back. What it does not
take is computed row by row (slipway_train_torch.causal_lm.flat).
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention.varlen import varlen_attn

from slipway_train_torch.causal_lm.batches import Rows

log = logging.getLogger("slipway")

FORMAT: Final = torch.bfloat16
"""The kernel knows two formats; runs have this one of them."""
TRIED: Final = ((2, 1), (200, 1))
"""Lengths of rows on which it is tried: torch may choose another implementation for short rows than for long ones."""


def fits(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, dropout: float) -> bool:
    """Tell whether the kernel computes this attention; all are [1, heads, tokens, width]."""
    if not on_gpu(query) or computed_in(query) != FORMAT or dropout:
        return False
    return takes(query.device, query.shape[1], key.shape[1], query.shape[3], value.shape[3])


def attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rows: Rows, scaling: float | None
) -> torch.Tensor:
    """Return causal attention inside each of `rows`, [tokens, heads, width]; takes [1, heads, tokens, width]."""
    # Autocast does not know the kernel: what rotary embeddings left in float32 is cast here.
    flat = (tensor[0].transpose(0, 1).to(FORMAT) for tensor in (query, key, value))
    found: torch.Tensor = varlen_attn(
        *flat, rows.ends, rows.ends, rows.longest, rows.longest,
        scale=scaling, window_size=(-1, 0), enable_gqa=key.shape[1] != query.shape[1],
    )  # fmt: skip
    return found


def on_gpu(query: torch.Tensor) -> bool:
    """Tell whether there is a kernel at all for where `query` lies."""
    return query.is_cuda


def computed_in(query: torch.Tensor) -> torch.dtype:
    """Return the format in which attention is computed: autocast's, where that is on."""
    device = query.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype


@cache
def takes(device: torch.device, heads: int, key_heads: int, width: int, value_width: int) -> bool:
    """Tell whether the kernel computes so many heads of such width on `device`, forth and back; draws no numbers."""
    try:
        for sizes in TRIED:
            _try(device, sizes, ((heads, width), (key_heads, width), (key_heads, value_width)))
    except torch.OutOfMemoryError:
        raise  # it says nothing of the kernel
    except (RuntimeError, ValueError) as error:
        log.info("attention is computed row by row: torch's kernel refuses these heads on %s: %s", device, error)
        return False
    return True


def _try(device: torch.device, sizes: tuple[int, int], heads: tuple[tuple[int, int], ...]) -> None:
    ends = torch.tensor([0, sizes[0], sum(sizes)], dtype=torch.int32, device=device)
    made = [torch.zeros((1, n, sum(sizes), width), dtype=FORMAT, device=device) for n, width in heads]
    # The innermost hooks count alone: those of activations that are computed again must not see tensors of a trial.
    with torch.enable_grad(), saved_tensors_hooks(_as_it_is, _as_it_is):
        query, key, value = (tensor.requires_grad_() for tensor in made)
        found = attention(query, key, value, Rows(sizes, ends, max(sizes)), None)
        torch.autograd.grad(found.sum(), (query, key, value))


def _as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor
