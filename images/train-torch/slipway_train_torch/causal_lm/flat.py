"""How do rows of unequal length go through a model together without a padded position, and without seeing each other?

Behind each other, as one sequence: positions start again at each row, and attention is computed row by row. Nothing is
padded, and no mask as large as the square of all tokens is made or computed with.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from slipway_train_torch.causal_lm import varlen
from slipway_train_torch.causal_lm.batches import Batch, Row, Rows
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.device import Device

log = logging.getLogger("slipway")

NAME = "slipway_rows"
"""What transformers calls this attention."""
UNKNOWN = ("softcap", "s_aux", "position_bias")
"""Arguments of attention functions that would change its result, and that are not computed here."""
PROBE = (5, 3)
"""Lengths of the rows on which a model is tried."""
CLOSE = {torch.float32: 1e-3}
"""By which share states may differ by rounding; other formats by `COARSE`."""
COARSE = 5e-2


def collate(lines: Sequence[Row]) -> Batch:
    """Return all examples of `lines` behind each other, as one sequence [1, tokens]."""
    examples = [example for row in lines for example in row]
    sizes = tuple(len(example.ids) for example in examples)
    ids = torch.tensor([token for example in examples for token in example.ids])
    positions = torch.cat([torch.arange(size) for size in sizes])
    trained = torch.tensor([said for example in examples for said in (False, *example.trained[1:])])
    # Position t says token t + 1; the first token of a row is said by nobody.
    said = trained.nonzero()[:, 0]
    lengths = torch.repeat_interleave(torch.tensor(sizes, dtype=torch.float32), torch.tensor(sizes))
    ends = torch.tensor([0, *accumulate(sizes)], dtype=torch.int32)
    rows = Rows(sizes, ends, max(sizes))
    return Batch(ids[None], positions[None], said - 1, ids[said], lengths[None], len(ids), rows)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    rows: Rows | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Return causal attention inside each of `rows`, as transformers' attention functions do.

    query [1, heads, tokens, width], key and value with as many heads or a divisor; the result is [1, tokens, heads,
    width]. Without `rows`, it is transformers' own for torch's kernels.
    """
    if rows is None:
        found, _ = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **others)
        return found, None
    if any(others.get(name) is not None for name in UNKNOWN):
        raise NotImplementedError(f"attention with {' or '.join(UNKNOWN)}")
    if varlen.fits(query, key, value, dropout):
        return varlen.attention(query, key, value, rows, scaling)[None], None
    # Heads that share a key stand in one group, so that keys and values are read, not copied, for each of them.
    queries = query[0].unflatten(0, (key.shape[1], -1))
    keys, values = (tensor[0][:, None].expand(-1, queries.shape[1], -1, -1) for tensor in (key, value))
    alone = zip(*(tensor.split(rows.sizes, 2) for tensor in (queries, keys, values)), strict=True)
    made = [scaled_dot_product_attention(*one, is_causal=True, scale=scaling, dropout_p=dropout) for one in alone]
    # [key heads, heads of each, tokens, width] of each row
    return torch.cat([one.flatten(0, 1).transpose(0, 1) for one in made])[None], None


def enable(model: Any, max_tokens: int, device: Device) -> bool:
    """Let `model` take flat batches, with rows of up to `max_tokens`; return False, and change nothing, if it cannot.

    It is tried on two short rows, in the format in which steps on `device`, where it lies, run forward: models whose
    tokens meet elsewhere than in attention (recurrent ones, for example) give other states than for each row alone, and
    are left as they are.
    """
    config = model.config
    window = getattr(config, "sliding_window", None)
    if not getattr(model, "_supports_attention_backend", False) or (window is not None and window < max_tokens):
        return False
    before, training = config._attn_implementation, model.training
    model.eval()
    try:
        with device.autocast():
            wanted = [_states(model, _probe(model, (size,), at)) for at, size in enumerate(PROBE)]
            model.set_attn_implementation(NAME)
            found = _states(model, _probe(model, PROBE, 0))
        able = _alike(found, torch.cat(wanted, 1), CLOSE.get(device.dtype, COARSE))
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        log.info("rows are padded: the model takes no flat batches: %s", error)
        able = False
    finally:
        model.train(training)
    if not able:
        model.set_attn_implementation(before)
    return able


def _probe(model: Any, sizes: Sequence[int], first: int) -> Batch:
    """Return rows of these lengths; row n has the same tokens wherever it stands."""

    def ids(row: int, size: int) -> tuple[int, ...]:
        return tuple((7 + 31 * row + 13 * at) % model.config.vocab_size for at in range(size))

    made = [Example("", ids(first + at, size), (True,) * size) for at, size in enumerate(sizes)]
    return collate([(example,) for example in made])


def _states(model: Any, batch: Batch) -> torch.Tensor:
    batch = batch.to(model.device)
    alone = batch.rows is None or len(batch.rows.sizes) == 1
    arguments = {} if alone else batch.arguments()
    with torch.no_grad():
        return model.get_decoder()(input_ids=batch.input_ids, use_cache=False, **arguments).last_hidden_state.float()


def _alike(found: torch.Tensor, wanted: torch.Tensor, bound: float) -> bool:
    return bool((found - wanted).norm() <= bound * wanted.norm())


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
