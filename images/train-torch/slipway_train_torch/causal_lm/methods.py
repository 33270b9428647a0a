"""What is trained of a base model: a small adapter, or all of it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from slipway.api.causal_lm import CausalLM
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import layers


@dataclass(frozen=True)
class Tuned:
    """A base model, and what is trained of it."""

    model: Any
    """The model of transformers; an adapter's layers are inside."""
    adapter: PeftModel | None = None
    new_tokens: Mapping[int, str] = field(default_factory=dict)
    """What was added to the vocabulary of the base model, by number."""

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Return the parameters that are trained, by name, all of them float32."""
        return {name: parameter for name, parameter in self.named().items() if parameter.requires_grad}

    def named(self) -> dict[str, torch.nn.Parameter]:
        """Return all parameters, by name."""
        whole = self.model if self.adapter is None else self.adapter
        return dict(whole.named_parameters())


def tuned(model: Any, recipe: CausalLM, uri: str) -> Tuned:
    """Return `model` made ready for `recipe.method`; a fresh adapter's numbers follow torch's generator."""
    if recipe.method == "Full":
        model.requires_grad_(True)
        if recipe.freeze_layers is not None:
            layers.freeze(model, recipe.freeze_layers)
        return Tuned(model)
    adapter = with_adapter(model, recipe, uri)
    return Tuned(adapter.get_base_model(), adapter)


def with_adapter(model: Any, recipe: CausalLM, uri: str) -> PeftModel:
    """Return `model` with a fresh LoRA (over 4 bits too) or DoRA on all linear layers but the output."""
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=alpha(recipe),
        lora_dropout=recipe.dropout_percent / 100,
        target_modules="all-linear",
        exclude_modules=None if recipe.freeze_layers is None else layers.below(model, recipe.freeze_layers),
        use_dora=recipe.method == "DoRA",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise BadConfig(
            "NoTargets", f"{recipe.method} finds nothing to adapt in the base model {uri}: {error}"
        ) from error
    settled: Any = adapted.peft_config["default"]
    # What the artefact says must not depend on this machine's folders or on the order of a set.
    settled.base_model_name_or_path = uri
    settled.target_modules = sorted(settled.target_modules)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            # DoRA's magnitudes come in the format of the base model.
            parameter.data = parameter.data.float()
    assert isinstance(adapted, PeftModel)
    return adapted


def alpha(recipe: CausalLM) -> int:
    """Return the adapter's alpha, resolved."""
    return recipe.alpha if recipe.alpha is not None else 2 * recipe.rank


def resolved(recipe: CausalLM) -> dict[str, Any]:
    """Return the parameters of `recipe` that its method has, defaults filled in."""
    found = recipe.dump() | {"alpha": alpha(recipe)}
    if recipe.method == "QLoRA":
        found["baseWeights"] = f"NF4, double quantisation, bitsandbytes {version('bitsandbytes')}"
    of_adapters = ("rank", "alpha", "dropoutPercent") if recipe.method == "Full" else ()
    return {name: value for name, value in found.items() if name not in of_adapters}
