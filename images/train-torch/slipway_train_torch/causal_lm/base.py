"""How does a base model in a folder become a model in memory?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import four_bits, vocabulary
from slipway_train_torch.causal_lm.device import Device, give_back_freed_memory
from slipway_train_torch.evaluate.files import complete
from slipway_train_torch.gguf.reading import read_once


def load(
    folder: Path, uri: str, device: Device, dtype: torch.dtype | None = None, *, quantised: bool = False
) -> tuple[Any, Any]:
    """Return model (frozen, in `dtype`, else the device's format) and tokenizer of the base in `folder`.

    `uri` is what messages and the model call it. `quantised` wants its linear layers in 4 bits.

    A safetensors folder, or one GGUF file, whose weights are dequantised. Pickle is refused.
    """
    weights = complete(folder, f"the base model {uri}")
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(weights.folder)}
    if weights.folder is None and weights.gguf is not None:
        where = {"pretrained_model_name_or_path": str(weights.gguf.parent), "gguf_file": weights.gguf.name}
    how: dict[str, Any] = {"dtype": dtype or device.dtype, "use_safetensors": True}
    if quantised:
        give_back_freed_memory()
        how |= four_bits.arguments(weights, device, uri)
    try:
        with read_once():
            tokenizer = AutoTokenizer.from_pretrained(**where)
            model = AutoModelForCausalLM.from_pretrained(**where, **how)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadConfig(
            "BaseModelUnreadable", f"the base model {uri} cannot be read by transformers: {error}"
        ) from error
    # In a GGUF file both are one; what transformers adds to its tokens is never said.
    if weights.folder is not None and (wrong := vocabulary.misfit(model, tokenizer)) is not None:
        raise BadConfig(
            "TokenizerDoesNotFit",
            f"the tokenizer and the weights of the base model {uri} are not of one model: {wrong}. Bring the tokenizer "
            "that the weights were trained with (to give a model more tokens, use recipe.causalLM.newTokens)",
        )
    if quantised:
        four_bits.settle(model, uri)
    _forget_quantisation(model)
    model.requires_grad_(False)
    model.config.use_cache = False
    model.config.name_or_path = uri
    # One in 4 bits was read to its place.
    return model if quantised else model.to(device.torch), tokenizer


def _forget_quantisation(model: Any) -> None:
    """Let a model not be taken for a quantised one: that from GGUF has plain tensors by now, and one in 4 bits is so
    for this run alone, which is nothing that its configuration should tell others.
    """
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
