"""How do the weights that serve become a torch model?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.files import Served, Weights
from slipway_train_torch.gguf.reading import read_once
from slipway_train_torch.unreadable import unreadable

LORA_A, LORA_B = ".lora_a", ".lora_b"
TOKENIZER = "tokenizer_config.json"


def load(weights: Weights, device: torch.device) -> tuple[Any, Any]:
    """Return model (evaluation mode, float32) and tokenizer; GGUF weights are dequantised."""
    where: dict[str, Any]
    if weights.gguf is not None:
        where = {"pretrained_model_name_or_path": str(weights.gguf.parent), "gguf_file": weights.gguf.name}
    else:
        where = {"pretrained_model_name_or_path": str(weights.folder)}
    written = weights.folder is not None and (weights.folder / TOKENIZER).is_file()
    # transformers reads no added tokens from a GGUF file; llama.cpp does.
    tokens = {"pretrained_model_name_or_path": str(weights.folder)} if written else where
    with read_once(), _readable(weights.gguf.name if weights.gguf is not None else "the safetensors folder"):
        tokenizer = AutoTokenizer.from_pretrained(**tokens)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, use_safetensors=True)
    return model.eval().to(device), tokenizer


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Raise BadData for what cannot be read within."""
    try:
        yield
    except Exception as error:
        if not unreadable(error):
            raise
        raise BadData("WeightsUnreadable", f"{place} cannot be read: {error}") from error


@contextmanager
def adapted(model: Any, served: Served) -> Iterator[Any]:
    """Give `model` with the adapter of `served` in its weights; afterwards it is bit for bit what it was."""
    parameters = dict(model.named_parameters())
    before: dict[str, torch.Tensor] = {}
    try:
        with torch.no_grad():
            for name, change in _changes(model, served):
                before[name] = parameters[name].detach().clone()
                parameters[name] += change.to(parameters[name])
        yield model
    finally:
        with torch.no_grad():
            for name, weight in before.items():
                parameters[name].copy_(weight)


def gguf_changes(model: Any, path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what the LoRA in GGUF file `path` adds to each parameter of `model`, as llama.cpp adds it in serving.

    llama.cpp keeps some tensors in another order than transformers (rotary pairs of q and k); the product of A and B is
    turned by the same code that turned the base weights.
    """
    with _readable(path.name):
        reader = gguf.GGUFReader(path)
        alpha = float(_field(reader, "adapter.lora.alpha"))
        factors = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    processor = TENSOR_PROCESSORS.get(_field(reader, "general.architecture"), TensorProcessor)(model.config.to_dict())
    with read_once():
        names = get_gguf_hf_weights_map(model, processor)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    for tensor in sorted(name.removesuffix(LORA_A) for name in factors if name.endswith(LORA_A)):
        down, up, target = factors[tensor + LORA_A], factors.get(tensor + LORA_B), names.get(tensor, "")
        if up is None or (up.shape[0], down.shape[1]) != shapes.get(target):
            raise BadData(
                "AdapterDoesNotFit",
                f"{path.name}: tensor {tensor} has no counterpart of its shape in the base model: the adapter belongs "
                "to another base",
            )
        delta = (up @ down).astype(numpy.float32) * (alpha / down.shape[0])
        yield target, torch.from_numpy(numpy.ascontiguousarray(processor.process(delta, tensor).weights))


def _changes(model: Any, served: Served) -> Iterable[tuple[str, torch.Tensor]]:
    if served.adapter_gguf is not None:
        return gguf_changes(model, served.adapter_gguf)
    return peft_changes(model, served.adapter_folder).items() if served.adapter_folder is not None else ()


def peft_changes(model: Any, folder: Path) -> dict[str, torch.Tensor]:
    """Return what the LoRA or DoRA that peft wrote to `folder` adds to each parameter of `model`."""
    with _readable(f"the adapter in {folder.name}/"):
        with_adapter = PeftModel.from_pretrained(model, str(folder))
    found = {
        f"{name}.weight": _change(layer)
        for name, layer in with_adapter.get_base_model().named_modules()
        if isinstance(layer, LoraLayer)
    }
    with_adapter.unload()
    return found


def _change(layer: LoraLayer) -> torch.Tensor:
    variant = layer.lora_variant.get("default")
    if variant is None:
        return layer.get_delta_weight("default").detach()
    # DoRA scales what it adds to: its change is more than the product of its factors.
    weight = layer.get_base_layer().weight.detach()
    return variant.merge_safe(layer, "default", weight.clone()).detach() - weight


def _field(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    if field is None:
        raise BadData("AdapterUnreadable", f"the adapter GGUF has no field {key}: export it again")
    return field.contents()
