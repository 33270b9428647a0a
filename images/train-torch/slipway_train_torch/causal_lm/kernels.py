"""How are a model's commonest layers computed with fewer passes over memory than their textbook form takes?

Each function has the value and the gradients of the layer whose name it has; only the order of roundings differs.
On a CPU, and with small widths on a GPU, passes over memory cost as much as the matrix products between them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from slipway_train_torch.causal_lm.four_bits import state_of, whole

Tensor = torch.Tensor
PER_LAYER = 4
"""Tensors that describe one adapted layer: weight, bias or None, A, B."""


class AdaptedLinears(torch.autograd.Function):
    """Frozen linear layers of one input, each with LoRA: y_i = x W_i^T + bias_i + scale_i (x A_i^T) B_i^T.

    The adapter's part is added inside the product that makes it, so that no tensor as large as y or x is made for it;
    the A of all layers are one product, and the input's gradient is summed in place. Weights in 4 bits are made whole
    one at a time, and again on the way back, so that never more than one of them is in memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: tuple[float, ...], *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Return every y; x [..., in], then weight [out, in], bias [out] or None, A [rank, in], B [out, rank] of each.

        x is taken in the format of the weights, which those in 4 bits had before.
        """
        weights, biases, downs, ups = _columns(tensors)
        states = tuple(map(state_of, weights))
        rows = x.reshape(-1, x.shape[-1]).to(weights[0].dtype if states[0] is None else states[0].dtype)
        inner = rows @ torch.cat(downs).to(rows.dtype).t()
        found = []
        for held, state, bias, part, up, scale in zip(
            weights, states, biases, _parts(inner, downs), ups, scales, strict=True
        ):
            weight = whole(held, state)
            y = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
            y.addmm_(part, up.to(rows.dtype).t(), alpha=scale)
            found.append(y.view(*x.shape[:-1], len(weight)))
            del weight  # before the next one is made
        ctx.scales, ctx.states, ctx.shape, ctx.dtype = scales, states, x.shape, x.dtype
        ctx.save_for_backward(rows, inner, *weights, *downs, *ups)
        ctx.set_materialize_grads(False)
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        """Return the gradients of x and of every A and B."""
        rows, inner, *rest = ctx.saved_tensors
        count = len(upstream)
        weights, downs, ups = rest[:count], rest[count : 2 * count], rest[2 * count :]
        stacked = torch.cat(downs).to(rows.dtype)
        of_inner = torch.zeros_like(inner)
        of_x: Tensor | None = None
        of_ups: list[Tensor | None] = []
        for y, held, state, up, scale, part, of_part in zip(
            upstream, weights, ctx.states, ups, ctx.scales, _parts(inner, downs), _parts(of_inner, downs), strict=True
        ):
            if y is None:
                of_ups.append(None)
                continue
            g = y.reshape(-1, y.shape[-1])
            of_part.copy_(g @ up.to(g.dtype)).mul_(scale)
            of_ups.append((g.t() @ part).mul_(scale).to(up.dtype))
            if ctx.needs_input_grad[0]:
                weight = whole(held, state)
                of_x = g @ weight if of_x is None else of_x.addmm_(g, weight)
                del weight
        of_downs = _rows((of_inner.t() @ rows), downs)
        if of_x is not None:
            of_x = of_x.addmm_(of_inner, stacked).view(ctx.shape).to(ctx.dtype)
        found: list[Tensor | None] = []
        for of_down, down, of_up in zip(of_downs, downs, of_ups, strict=True):
            found += [None, None, of_down.to(down.dtype) if of_up is not None else None, of_up]
        return (of_x, None, *found)


class RMSNorm(torch.autograd.Function):
    """x / sqrt(mean(x^2) + epsilon) * weight, over the last dimension, in float32 inside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """Return the norm; x [..., width], weight [width]."""
        wide = x.float()
        size = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = size.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        return (wide * inverse).mul_(weight).to(torch.promote_types(x.dtype, weight.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of x and, where it is trained, of the weight."""
        x, weight, inverse = ctx.saved_tensors
        wide, g = x.float(), upstream.float()
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (g * wide).mul_(inverse).flatten(0, -2).sum(0).to(weight.dtype)
        g = g * weight
        share = torch.linalg.vecdot(g, wide)[..., None].mul_(inverse.pow(3)).div_(-x.shape[-1])
        return g.mul_(inverse).addcmul_(wide, share).to(x.dtype), of_weight, None


class SwiGLU(torch.autograd.Function):
    """silu(gate) * up; keeps its two inputs and nothing else."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        """Return the product; both have the same shape."""
        ctx.save_for_backward(gate, up)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of both."""
        gate, up = ctx.saved_tensors
        of_up = torch.nn.functional.silu(gate).mul_(upstream)
        return torch.ops.aten.silu_backward(upstream * up, gate), of_up


class Rotary(torch.autograd.Function):
    """x * cos + rotate_half(x) * sin, with two passes instead of five."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return x [..., width] turned by angles whose cos and sin [..., width] are alike in both halves of width."""
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of x: upstream turned back."""
        cos, sin = ctx.saved_tensors
        return _turned(upstream, cos, sin, -1.0), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, sign: float) -> Tensor:
    half = x.shape[-1] // 2
    found = x * cos
    found[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-sign)
    found[..., half:].addcmul_(x[..., :half], sin[..., half:], value=sign)
    return found


def _columns(tensors: tuple[Tensor | None, ...]) -> tuple[Any, Any, Any, Any]:
    weights, biases, downs, ups = (tensors[at::PER_LAYER] for at in range(PER_LAYER))
    return weights, biases, downs, ups


def _parts(inner: Tensor, downs: Any) -> tuple[Tensor, ...]:
    """Return the columns of `inner` that belong to each A."""
    return inner.split([len(down) for down in downs], 1)


def _rows(stacked: Tensor, downs: Any) -> tuple[Tensor, ...]:
    return stacked.split([len(down) for down in downs], 0)
