"""What does the model pay for each trained token, without ever holding all logits?"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import FunctionCtx, once_differentiable

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.batches import Batch

CHUNK = 256
"""Positions whose logits are held at once."""
TRANSFORMED_LOGITS = ("final_logit_softcapping", "logits_scaling", "logit_scale")
"""Words of model configurations that change logits after the output layer."""


def head_weight(model: Any) -> torch.Tensor:
    """Return the output layer's weight [vocabulary, width]; raise BadConfig for one that does more than that."""
    head = model.get_output_embeddings()
    changed = [name for name in TRANSFORMED_LOGITS if getattr(model.config, name, None) not in (None, 1, 1.0)]
    if head is None or getattr(head, "bias", None) is not None or changed:
        what = f"changes its logits ({changed[0]})" if changed else "has no plain linear output layer"
        raise BadConfig("ModelNotSupported", f"the base model ({model.config.model_type}) {what}: choose another one")
    weight: torch.Tensor = head.weight
    return weight


def summed_loss(model: Any, weight: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the cross-entropy of all trained tokens of `batch`, summed, in nats.

    `model` is run without its output layer; logits exist for positions that bear loss only, `CHUNK` at a time.
    """
    hidden = model.get_decoder()(input_ids=batch.input_ids, use_cache=False, **batch.arguments()).last_hidden_state
    picked = hidden.flatten(0, 1).index_select(0, batch.at)
    loss: torch.Tensor = LinearCrossEntropy.apply(picked, weight, batch.targets)
    return loss


class LinearCrossEntropy(torch.autograd.Function):
    """Sum of cross-entropies of `hidden @ weight.T`, with the gradients computed along the way.

    All that backward needs is a tensor as large as `hidden`, and where the weight is trained one as large as that.
    Softmax minus one-hot is formed in place in a buffer that every chunk reuses: for large vocabularies, allocating is
    what costs.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: FunctionCtx, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Return the sum; hidden [n, width], weight [vocabulary, width], targets [n]."""
        wanted, trained = ctx.needs_input_grad[:2]  # type: ignore[attr-defined]
        hidden = hidden.detach().to(weight.dtype)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden) if wanted else None
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if trained else None
        size = min(CHUNK, len(hidden))
        buffer = torch.empty((size, len(weight)), dtype=weight.dtype, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), CHUNK):
                rows = hidden[start : start + CHUNK]
                said = targets[start : start + CHUNK, None]
                logits = torch.mm(rows, weight.t(), out=buffer[: len(rows)]).float()
                # In place: row by row, in the processor's own memory.
                chances = torch.log_softmax(logits, 1, out=logits)
                total -= chances.gather(1, said).sum()
                if gradient is not None or of_weight is not None:
                    share = chances.exp_()
                    share.scatter_add_(1, said, torch.full_like(said, -1, dtype=share.dtype))
                    if gradient is not None:
                        torch.mm(share.to(weight.dtype), weight, out=gradient[start : start + CHUNK])
                    if of_weight is not None:
                        of_weight.addmm_(share.t(), rows.float())
        ctx.save_for_backward(gradient, None if of_weight is None else of_weight.to(weight.dtype))  # type: ignore[attr-defined]
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        """Return the gradients of `hidden` and, where it is trained, of `weight`."""
        found = (None if g is None else g * upstream.to(g.dtype) for g in ctx.saved_tensors)
        return next(found), next(found), None
