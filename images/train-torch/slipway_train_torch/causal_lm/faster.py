"""Which layers of a model are exchanged for ones that do the same in less time?

A layer is exchanged where it stands, by its `forward`: names, weights and what is saved stay as they are. Kinds of
layers are known by what they hold, not by their names in transformers; one of each kind is tried on random numbers
first, and where ours gives another result (Gemma's norm adds 1 to its weight, for example) the kind is left alone.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora import Linear as LoRALinear
from peft.tuners.lora.bnb import Linear4bit as LoRALinear4bit

from slipway_train_torch.causal_lm.four_bits import state_of
from slipway_train_torch.causal_lm.kernels import AdaptedLinears, RMSNorm, Rotary, SwiGLU

log = logging.getLogger("slipway")

Forward = Callable[..., Any]
SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Layers of one parent that are given one and the same input, one after the other."""
TOLERANCE = {torch.float32: 1e-4}
ROTATION = "apply_rotary_pos_emb"
COARSE = 3e-2
"""What other formats round by."""


def quicken(model: torch.nn.Module) -> None:
    """Exchange what can be exchanged in `model`, whose adapter is inside; once, before it is first trained."""
    done: Counter[str] = Counter()
    tried: dict[type, bool] = {}
    for module in model.modules():
        forward = _norm(module) or _gated(module)
        if forward is not None:
            kind = type(module)
            if kind not in tried:
                tried[kind] = _alike(module, forward)
            if tried[kind]:
                module.forward = forward
                done[kind.__name__] += 1
    for family in _families(model):
        shared = Shared(family)
        for at, layer in enumerate(family):
            layer.forward = shared.of(at)
            done["adapted linear layers"] += 1
    done["rotary embeddings"] += _rotary(model)
    log.info("computed in fewer passes: %s", ", ".join(f"{n} {what}" for what, n in done.items() if n) or "nothing")


def _norm(module: torch.nn.Module) -> Forward | None:
    """Return our forward of a module that holds what an RMS norm holds."""
    epsilon = getattr(module, "variance_epsilon", None)
    weight = getattr(module, "weight", None)
    biased = getattr(module, "bias", None) is not None
    if not isinstance(epsilon, float) or not isinstance(weight, torch.Tensor) or biased:
        return None
    return lambda x: RMSNorm.apply(x, module.weight, epsilon)


def _gated(module: torch.nn.Module) -> Forward | None:
    """Return our forward of a module that holds what a gated SiLU network holds."""
    parts = {name for name, _ in module.named_children()}
    if not {"gate_proj", "up_proj", "down_proj", "act_fn"} <= parts:
        return None
    net: Any = module
    return lambda x: net.down_proj(SwiGLU.apply(net.gate_proj(x), net.up_proj(x)))


def _alike(module: torch.nn.Module, forward: Forward) -> bool:
    """Tell whether `forward` gives what the module itself gives."""
    weight = next(module.parameters())
    # One in 4 bits has its shape and its format beside it.
    told = state_of(weight) or weight
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((2, 3, told.shape[-1]), generator=generator).to(weight.device, told.dtype)
    try:
        with torch.no_grad():
            wanted, found = module(x).float(), forward(x).float()
    except (TypeError, RuntimeError):
        return False
    return wanted.shape == found.shape and bool(
        (found - wanted).norm() <= TOLERANCE.get(told.dtype, COARSE) * wanted.norm()
    )


def _families(model: torch.nn.Module) -> Iterator[list[Any]]:
    """Yield the adapted layers of `model` that ours can stand for: those with one input together, others alone."""
    for parent in model.modules():
        left = {name: child for name, child in parent.named_children() if _plain(child)}
        for names in SIBLINGS:
            if all(name in left for name in names):
                yield [left.pop(name) for name in names]
        yield from ([layer] for layer in left.values())


def _plain(layer: torch.nn.Module) -> bool:
    """Tell whether a layer is LoRA as it was first written: no dropout, no DoRA, on a frozen linear layer.

    It may be held in 4 bits (QLoRA).
    """
    if (
        not isinstance(layer, (LoRALinear, LoRALinear4bit))
        or layer.active_adapters != ["default"]
        or layer.lora_variant
    ):
        return False
    base = layer.get_base_layer()
    return (
        type(base) in (torch.nn.Linear, Linear4bit)
        and not base.weight.requires_grad
        and isinstance(layer.lora_dropout["default"], torch.nn.Identity)
        and layer.lora_B["default"].bias is None
    )


class Shared:
    """Adapted layers that are called with the same input, one after the other: the first call computes all."""

    def __init__(self, layers: list[Any]) -> None:
        self._layers = layers
        self._input: torch.Tensor | None = None
        self._made: dict[int, torch.Tensor] = {}

    def of(self, at: int) -> Forward:
        """Return the forward of layer number `at`."""

        def forward(x: torch.Tensor) -> torch.Tensor:
            if self._input is not x or at not in self._made:
                self._input, self._made = x, dict(enumerate(self._compute(x)))
            found = self._made.pop(at)
            if not self._made:
                self._input = None
            return found

        return forward

    def _compute(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self._layers[0].disable_adapters:
            return tuple(layer.get_base_layer()(x) for layer in self._layers)
        tensors: list[torch.Tensor | None] = []
        for layer in self._layers:
            base = layer.get_base_layer()
            tensors += [base.weight, base.bias, layer.lora_A["default"].weight, layer.lora_B["default"].weight]
        scales = tuple(float(layer.scaling["default"]) for layer in self._layers)
        found: tuple[torch.Tensor, ...] = AdaptedLinears.apply(x, scales, *tensors)
        return found


def _rotary(model: torch.nn.Module) -> int:
    """Exchange the rotation of queries and keys in the files of the model's code; return in how many."""
    files = {type(module).__module__ for module in model.modules()}
    return sum(_exchange_rotation(sys.modules[name]) for name in sorted(files))


def _exchange_rotation(file: ModuleType) -> bool:
    theirs = getattr(file, ROTATION, None)
    if theirs is None or isinstance(theirs, Rotation):
        return theirs is not None
    ours = Rotation(theirs)
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn((1, heads, 3, 8), generator=generator) for heads in (4, 2))
    angles = torch.randn((1, 3, 4), generator=generator).repeat(1, 1, 2)
    try:
        pairs = zip(theirs(q, k, angles.cos(), angles.sin()), ours(q, k, angles.cos(), angles.sin()), strict=True)
        alike = all(torch.allclose(one, other, atol=1e-5) for one, other in pairs)
    except (TypeError, RuntimeError, ValueError):
        return False
    if alike:
        setattr(file, ROTATION, ours)
    return alike


@dataclass(frozen=True)
class Rotation:
    """What turns queries and keys by their positions' angles, in the place of transformers' function of that name."""

    theirs: Callable[..., tuple[torch.Tensor, torch.Tensor]]

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both turned; q and k [batch, heads, tokens, width], cos and sin [batch, tokens, width]."""
        if cos.shape[-1] != q.shape[-1]:
            # Models that turn a part of each head.
            return self.theirs(q, k, cos, sin, unsqueeze_dim=unsqueeze_dim)
        cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
        return Rotary.apply(q, cos, sin), Rotary.apply(k, cos, sin)
