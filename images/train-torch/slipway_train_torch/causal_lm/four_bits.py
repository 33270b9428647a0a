"""How is a base model held in 4 bits while an adapter learns on it (QLoRA, arXiv:2305.14314)?

Its linear layers are NF4 with double quantisation, made by bitsandbytes while the weights are read: 4.13 bits a weight.
Embeddings, norms and the output layer stay as they are. Products are computed in the device's format, from weights that
are made whole again for one layer at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bitsandbytes import matmul_4bit
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import BitsAndBytesConfig

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.evaluate.files import Weights

PER_THOUSAND = 516
"""Bytes of a thousand weights in 4 bits: with the scales of their blocks, themselves in 8 bits, 4.13 bits each."""
LEAST_PERCENT = 50
"""Of the weights between embeddings and output layer, how many must be in 4 bits for the method to be what it says."""


def arguments(weights: Weights, device: Device, uri: str) -> dict[str, Any]:
    """Return what transformers needs to read `weights` into 4 bits on `device`.

    Raises BadConfig, in the words of who named `uri` as the base model, for weights that are quantised already.
    """
    if weights.folder is None:
        raise BadConfig(
            "QLoRANotSupported",
            f"method QLoRA reads safetensors, and the base model {uri} is a GGUF file alone, rounded once already: add "
            "the model's config.json, tokenizer and safetensors to its folder (the GGUF stays and serves), or choose "
            "method LoRA",
        )
    if (how := _quantised(weights.folder)) is not None:
        raise BadConfig(
            "QLoRANotSupported",
            f"the base model {uri} is quantised already ({how}), and method QLoRA quantises it itself: use the model's "
            "weights in BF16, FP16 or FP32",
        )
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=device.dtype,
    )
    # The number of a GPU, not its kind: several processes have one each.
    where = torch.cuda.current_device() if device.torch.type == "cuda" else device.torch.type
    return {"quantization_config": settings, "device_map": {"": where}}


def settle(model: Any, uri: str) -> None:
    """Make `model`, as transformers has read it, one that can be trained and measured in turn.

    Raises BadConfig for a model most of which is not in 4 bits.
    """
    percent = _share(model)
    if percent < LEAST_PERCENT:
        raise BadConfig(
            "QLoRANotSupported",
            f"only {percent} % of the layers' weights in the base model {uri} ({model.config.model_type}) can be held "
            "in 4 bits, the others are in no linear layer: choose method LoRA or another base model",
        )
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.forward = _forward(module)


def state_of(weight: torch.Tensor) -> Any:
    """Return what a weight in 4 bits is read with; None for any other."""
    return getattr(weight, "quant_state", None)


def whole(weight: torch.Tensor, state: Any) -> torch.Tensor:
    """Return `weight` [out, in] as products take it, made from its 4 bits where it has a `state`."""
    if state is None:
        return weight
    made: torch.Tensor = dequantize_4bit(weight, state)
    return made


def numel(parameter: torch.Tensor) -> int:
    """Return how many weights `parameter` is: one in 4 bits holds two in each of its numbers."""
    state = state_of(parameter)
    return parameter.numel() if state is None else state.shape.numel()


def _forward(layer: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a forward that computes what that of bitsandbytes does in training.

    Theirs exchanges the weights, when they are first measured on a CPU with AVX512-BF16, for a packing that rounds
    otherwise and through which no gradient comes back, for good.
    """

    def forward(x: torch.Tensor) -> torch.Tensor:
        weight, bias = layer.weight, layer.bias
        rows = x.to(layer.compute_dtype)
        bias = None if bias is None else bias.to(layer.compute_dtype)
        found: torch.Tensor = matmul_4bit(rows, weight, quant_state=weight.quant_state, bias=bias)
        return found.to(x.dtype)

    return forward


def _share(model: Any) -> int:
    """Return the percentage of weights in 4 bits, of all but vectors, embeddings and output layer."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    apart = {id(layer.weight) for layer in ends if layer is not None}
    matrices = [p for p in model.parameters() if p.ndim > 1 and id(p) not in apart]
    small = sum(numel(p) for p in matrices if state_of(p) is not None)
    return 100 * small // max(1, sum(map(numel, matrices)))


def _quantised(folder: Path) -> str | None:
    """Return by which method the weights in `folder` are quantised, None when they are not."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return None  # transformers says it better
    said = config.get("quantization_config") if isinstance(config, dict) else None
    return str(said.get("quant_method", "unknown")) if isinstance(said, dict) else None
