"""What does the memory of a run follow from? It is read of the model's configuration; there are no weights yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway_train_torch.causal_lm import methods
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.early import publishes_best
from slipway_train_torch.causal_lm.four_bits import PER_THOUSAND
from slipway_train_torch.causal_lm.layers import stack
from slipway_train_torch.causal_lm.loss import head_weight
from slipway_train_torch.causal_lm.memory.estimate import FLOAT, Shape

FEED_FORWARD = 4
"""Width of a feed-forward network, in widths of the model, where a configuration does not say it."""


AT_ONCE: Final = 3
"""Layers of a divided model that are whole at once: the one that is computed, the next one, and the buffer through
which that came.
"""


def shape(config: Any, recipe: CausalLM, device: Device, uri: str, parts: int = 1) -> Shape:
    """Return the shape of training a model of `config` by `recipe`; weights are counted on a model without numbers.

    `parts` processes divide the model among themselves (slipway_train_torch.causal_lm.sharding).

    Raises BadConfig for what cannot be trained so, as the run itself would.
    """
    full, quantised = recipe.method == "Full", recipe.method == "QLoRA"
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if full else device.dtype)
    model.requires_grad_(False)
    tuned = methods.tuned(model, recipe, uri)
    embeddings, head = model.get_input_embeddings().weight, head_weight(model)
    if recipe.new_tokens is not None:
        # slipway_train_torch.causal_lm.vocabulary trains both, in float32; the rows to come are few.
        for weight in (embeddings, head):
            weight.data = weight.data.float()
            weight.requires_grad_(True)
    trained = sum(parameter.numel() for parameter in tuned.trainable().values())
    config = config.get_text_config()
    apart = (id(embeddings), id(head))
    small = [p.numel() if quantised and id(p) not in apart and _shrinks(p) else 0 for p in tuned.model.parameters()]
    return Shape(
        weights=sum(map(_bytes, tuned.model.parameters(), small)),
        trained=trained,
        layers=config.num_hidden_layers - (recipe.freeze_layers or 0),
        vocabulary=len(head),
        number=device.dtype.itemsize,
        rank=0 if full else recipe.rank,
        # Autocast holds what is trained in float32 in its own format too, from forward to backward.
        copied=trained * device.dtype.itemsize if device.dtype.itemsize < FLOAT and parts == 1 else 0,
        unpacked=max(small) * device.dtype.itemsize,
        head_trained=head.requires_grad,
        magnitudes=recipe.method == "DoRA",
        dropout=not full and recipe.dropout_percent > 0,
        pairs=recipe.dpo is not None,
        keeps_best=publishes_best(recipe) and device.torch.type == "cpu",
        **_widths(config),
        **(_passing(model, device, parts) if parts > 1 else {}),
    )


def _passing(model: Any, device: Device, parts: int) -> dict[str, int]:
    """Return what a process that holds one of `parts` of `model` has whole in passing.

    Of the weights in the format of the forward pass: those around the layers, and some layers. Of the gradients the
    same but the buffer, in that format and in float32, in which they are added up.
    """
    layers = stack(model)[1]
    inside = {id(p) for p in layers.parameters()}
    around = [p for p in model.parameters() if id(p) not in inside]
    largest = max((_numbers(layer.parameters()) for layer in layers), default=(0, 0))
    (weights, trained), (ends, ends_trained) = largest, _numbers(around)
    return {
        "parts": parts,
        "gathered": device.dtype.itemsize * (ends + AT_ONCE * weights),
        "reduced": (device.dtype.itemsize + FLOAT) * (ends_trained + (AT_ONCE - 1) * trained),
    }


def _numbers(parameters: Iterable[torch.nn.Parameter]) -> tuple[int, int]:
    """Return how many numbers `parameters` have, and how many of them are trained."""
    found = [(p.numel(), p.numel() if p.requires_grad else 0) for p in parameters]
    return sum(size for size, _ in found), sum(trained for _, trained in found)


def _widths(config: Any) -> dict[str, int]:
    width = config.hidden_size
    heads = config.num_attention_heads
    of_head = getattr(config, "head_dim", None) or width // heads
    inner = getattr(config, "intermediate_size", None) or FEED_FORWARD * width
    # A token goes through several experts at once, where a model has them.
    at_once = getattr(config, "num_experts_per_tok", None) or 1
    return {
        "width": width,
        "inner": inner * at_once,
        "queries": heads * of_head,
        "keys": (getattr(config, "num_key_value_heads", None) or heads) * of_head,
    }


def _shrinks(parameter: torch.nn.Parameter) -> bool:
    """Tell whether a parameter between embeddings and output layer is held in 4 bits by method QLoRA."""
    return parameter.ndim == 2 and not parameter.requires_grad


def _bytes(parameter: torch.nn.Parameter, small: int) -> int:
    """Return the bytes of a parameter, `small` of whose numbers, all or none, are in 4 bits."""
    return small * PER_THOUSAND // 1000 if small else parameter.numel() * parameter.element_size()
