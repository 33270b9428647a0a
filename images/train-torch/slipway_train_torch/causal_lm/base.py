"""How does a base model in a folder become a model that carries a fresh adapter?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from slipway.api.trainingjob import CausalLM
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.evaluate.files import complete
from slipway_train_torch.gguf.reading import read_once


def load(folder: Path, uri: str, device: Device) -> tuple[Any, Any]:
    """Return model (frozen, in the device's format) and tokenizer of the base in `folder`; `uri` is for messages.

    A safetensors folder, or one GGUF file, whose weights are dequantised. Pickle is refused.
    """
    weights = complete(folder, f"the base model {uri}")
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(weights.folder)}
    if weights.folder is None and weights.gguf is not None:
        where = {"pretrained_model_name_or_path": str(weights.gguf.parent), "gguf_file": weights.gguf.name}
    try:
        with read_once():
            tokenizer = AutoTokenizer.from_pretrained(**where)
            model = AutoModelForCausalLM.from_pretrained(**where, dtype=device.dtype, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadConfig(
            "BaseModelUnreadable", f"the base model {uri} cannot be read by transformers: {error}"
        ) from error
    _forget_quantisation(model)
    model.requires_grad_(False)
    model.config.use_cache = False
    return model.to(device.torch), tokenizer


def with_adapter(model: Any, recipe: CausalLM, uri: str) -> PeftModel:
    """Return `model` with a fresh LoRA on all linear layers but the output; its numbers follow torch's generator."""
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=alpha(recipe),
        lora_dropout=recipe.dropout_percent / 100,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise BadConfig("NoTargets", f"LoRA finds nothing to adapt in the base model {uri}: {error}") from error
    settled: Any = adapted.peft_config["default"]
    # What the artefact says must not depend on this machine's folders or on the order of a set.
    settled.base_model_name_or_path = uri
    settled.target_modules = sorted(settled.target_modules)
    assert isinstance(adapted, PeftModel)
    return adapted


def alpha(recipe: CausalLM) -> int:
    """Return the adapter's alpha, resolved."""
    return recipe.alpha if recipe.alpha is not None else 2 * recipe.rank


def trainable(model: PeftModel) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _forget_quantisation(model: Any) -> None:
    """Let a model read from GGUF, whose weights are plain tensors by now, not be taken for a quantised one."""
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
