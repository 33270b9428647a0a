"""How does a base model in a folder become a model in memory?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import four_bits, vocabulary
from slipway_train_torch.causal_lm.device import Device, give_back_freed_memory
from slipway_train_torch.evaluate.files import Weights, complete
from slipway_train_torch.gguf.reading import read_once
from slipway_train_torch.unreadable import unreadable


def described(folder: Path, uri: str) -> tuple[Any, Any]:
    """Return configuration and tokenizer of the base in `folder`, which `load` takes too; no weights are read."""
    where = _where(complete(folder, f"the base model {uri}"))
    with read_once(), _readable(uri):
        return AutoConfig.from_pretrained(**where), AutoTokenizer.from_pretrained(**where)


def load(
    folder: Path,
    uri: str,
    device: Device,
    dtype: torch.dtype | None = None,
    tokenizer: Any = None,
    *,
    quantised: bool = False,
) -> tuple[Any, Any]:
    """Return model (frozen, in `dtype`, else the device's format) and tokenizer of the base in `folder`.

    `uri` is what messages and the model call it. The tokenizer is read unless it is given. `quantised` wants the
    linear layers in 4 bits.

    A safetensors folder, or one GGUF file, whose weights are dequantised. Pickle is refused.
    """
    weights = complete(folder, f"the base model {uri}")
    where = _where(weights)
    how: dict[str, Any] = {"dtype": dtype or device.dtype, "use_safetensors": True}
    if quantised:
        # Weights that are read whole and kept in 4 bits leave holes in the heap, which glibc hardly fills again.
        give_back_freed_memory()
        how |= four_bits.arguments(weights, device, uri)
    with read_once(), _readable(uri):
        tokenizer = tokenizer if tokenizer is not None else AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, **how)
    # In a GGUF file both are one; what transformers adds to its tokens is never said.
    if weights.folder is not None and (wrong := vocabulary.misfit(model, tokenizer)) is not None:
        raise misfit(uri, wrong)
    if quantised:
        four_bits.settle(model, uri)
    _forget_quantisation(model)
    model.requires_grad_(False)
    model.config.use_cache = False
    model.config.name_or_path = uri
    # One in 4 bits was read to its place.
    return model if quantised else model.to(device.torch), tokenizer


def misfit(uri: str, why: str) -> BadConfig:
    """Return the error of a base model whose tokenizer is another model's."""
    return BadConfig(
        "TokenizerDoesNotFit",
        f"the tokenizer and the weights of the base model {uri} are not of one model: {why}. Bring the tokenizer "
        "that the weights were trained with (to give a model more tokens, use recipe.causalLM.newTokens)",
    )


def _where(weights: Weights) -> dict[str, Any]:
    """Return what transformers is told of where a model lies."""
    if weights.folder is None and weights.gguf is not None:
        return {"pretrained_model_name_or_path": str(weights.gguf.parent), "gguf_file": weights.gguf.name}
    return {"pretrained_model_name_or_path": str(weights.folder)}


@contextmanager
def _readable(uri: str) -> Iterator[None]:
    """Raise BadConfig for what transformers cannot read within."""
    try:
        yield
    except Exception as error:
        if not unreadable(error):
            raise
        said = f"the base model {uri} cannot be read by transformers: {error}"
        raise BadConfig("BaseModelUnreadable", said) from error


def _forget_quantisation(model: Any) -> None:
    """Let a model not be taken for a quantised one: that from GGUF has plain tensors by now, and one in 4 bits is so
    for this run alone, which is nothing that its configuration should tell others.
    """
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
