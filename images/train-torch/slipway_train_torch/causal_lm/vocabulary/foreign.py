"""Do the numbers of a tokenizer mean to a model what they mean to the tokenizer?

Sizes tell little: a foreign tokenizer may have as many tokens as the model, or fewer, and a model may have more
embeddings than tokens. So the model is asked. One that was trained finds a text much likelier than the same text with
the numbers of its tokens interchanged. To one that learnt other numbers both are noise.

Nothing is said of a model that was never trained (its scales are all still as they were made, so every tokenizer fits
it), nor of texts that are not worse than noise, nor where there are too few of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from slipway_train_torch.causal_lm.batches import collate
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.loss import head_weight, summed_loss

log = logging.getLogger("slipway")

EXAMPLES, TOKENS, TOGETHER = 16, 96, 4
"""How many examples are read, how much of each, and how many at once. In long ones a model learns to repeat what it
has seen in them, whatever the numbers mean."""
ENOUGH = 256
"""Tokens below which there is no verdict."""
NOISE = 0.6
"""The share of what guessing blindly would cost from which a text may be noise to the model."""
NO_BETTER = 0.9
"""The share of what a text costs with interchanged numbers from which it says no more than that.

With its own tokenizer SmolLM2 needs 0.4 to 0.6 of it on prose and on Unreal graphs, with others 0.96 to 1.2.
"""
SWAPS = (1, 8)
"""Each number changes places with the one that differs in this bit: close by, for numbers go by frequency, and a
foreign tokenizer's low ones are frequent too."""
TRAINED = 0.05
"""How far a trained model's scales differ from each other, as a share of their mean."""


@dataclass(frozen=True)
class Heard:
    """What a text costs a model, in nats per token: as it is, and at least with interchanged numbers."""

    plain: float
    swapped: float
    blind: float
    """What guessing among all tokens of the tokenizer would cost."""


def foreign(model: Any, device: Device, examples: Iterable[Example], known: int) -> str | None:
    """Return why `examples`, made by a tokenizer that has `known` tokens, are noise to `model`, for people; else None.

    Little is computed: some rows' beginnings, and where they are understood, which is most often, only once.
    """
    texts = [example.ids[:TOKENS] for example in islice(examples, EXAMPLES) if len(example.ids) > 1]
    if sum(map(len, texts)) < ENOUGH or not was_trained(model):
        return None
    heard = listen(model, device, texts, known)
    if heard is None:
        return None
    return (
        f"to the model, which was trained, the tokens of the dataset's rows are noise: {heard.plain:.1f} nats each, "
        f"{heard.swapped:.1f} with their numbers interchanged, {heard.blind:.1f} for guessing blindly"
    )


def listen(model: Any, device: Device, texts: Sequence[Sequence[int]], known: int) -> Heard | None:
    """Return what `texts` cost where they are noise to `model`; None where it makes sense of them."""
    blind = math.log(max(known, 2))
    for some in (texts[:TOGETHER], texts):  # of most runs a few rows tell enough
        plain = cost(model, device, some)
        log.info("the base model needs %.2f nats for each token of some rows, guessing %.2f", plain, blind)
        if plain < NOISE * blind and sum(map(len, some)) >= ENOUGH:
            return None
    swapped = math.inf
    for bit in SWAPS:
        others = [[at ^ bit if at ^ bit < known else at for at in text] for text in texts]
        swapped = min(swapped, cost(model, device, others))
    return Heard(plain, swapped, blind) if plain >= NO_BETTER * swapped else None


@torch.no_grad()
def cost(model: Any, device: Device, texts: Sequence[Sequence[int]]) -> float:
    """Return what each token of `texts` after the first costs `model`, in nats, on average."""
    total, weight = 0.0, head_weight(model)
    for start in range(0, len(texts), TOGETHER):
        rows = [(Example("", tuple(text), (True,) * len(text)),) for text in texts[start : start + TOGETHER]]
        batch = collate(rows, pad=0).to(device.torch)
        with device.autocast():
            total += summed_loss(model, weight.to(device.dtype), batch).item()
    return total / sum(len(text) - 1 for text in texts)


def was_trained(model: Any) -> bool:
    """Tell whether the scales of the normalisations in `model` differ as only training makes them differ.

    They are made all alike. A model without any, or with an adapter merged into random weights, counts as not trained.
    """
    spreads = [_spread(scales.detach().float()) for scales in _scales(model)]
    return bool(spreads) and sum(spreads) / len(spreads) >= TRAINED


def _scales(model: Any) -> Iterator[torch.Tensor]:
    for module in model.modules():
        if "Norm" in type(module).__name__ and isinstance(weight := getattr(module, "weight", None), torch.Tensor):
            yield weight


def _spread(scales: torch.Tensor) -> float:
    """Return by how much `scales` differ: as a share of their mean, unless they are made as what is added to 1."""
    spread, mean = scales.std(correction=0).item(), abs(scales.mean().item())
    return min(spread, spread / mean) if mean else spread
