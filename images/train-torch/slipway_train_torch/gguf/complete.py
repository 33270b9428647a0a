"""How do the weights of a whole trained model become a GGUF file?

What is not weights (tokenizer, chat template, hyperparameters) comes from the GGUF file of the base model, as it is:
that is what llama.cpp has been told of this model all along.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy
from numpy.typing import NDArray

from slipway_pod.errors import BadConfig
from slipway_train_torch.gguf.lora import INTERLEAVED, architecture, heads, interleaved
from slipway_train_torch.gguf.tokens import with_tokens

ARCHITECTURE, FILE_TYPE = gguf.Keys.General.ARCHITECTURE, gguf.Keys.General.FILE_TYPE
FLOAT32 = gguf.GGMLQuantizationType.F32


def write(base: Path, model: Any, target: Path, new_tokens: Mapping[int, str] = {}) -> None:
    """Write GGUF file `base` to `target`, with the weights of `model` in the place of its own.

    A tensor that is float32 in `base` stays so, all others are written in 16 bits. `new_tokens` are those that `model`
    has and `base` has not, by number. Raises BadConfig for a model that this translation does not know, or whose
    weights 16 bits do not hold.
    """
    kind = architecture(model.config)
    names = gguf.get_tensor_name_map(kind, model.config.num_hidden_layers)
    trained = {names.get_name(name, try_suffixes=(".weight", ".bias")): name for name in model.state_dict()}
    weights = model.state_dict()
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[kind])
    _copy_fields(reader, writer, new_tokens)
    all_wide = all(tensor.tensor_type == FLOAT32 for tensor in reader.tensors)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if all_wide else gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        name = trained.pop(tensor.name, None)
        if name is None:
            # Constants that transformers computes, such as the frequencies of the rotary embedding.
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        data = weights[name].detach().float().cpu().numpy()
        if kind in INTERLEAVED and (count := heads(name.rpartition(".")[0], model.config)):
            data = interleaved(data, count)
        data = numpy.ascontiguousarray(data)
        writer.add_tensor(tensor.name, data if tensor.tensor_type == FLOAT32 else _narrow(data, name))
    # What is left has no place in the file: fine for an output layer that is the embedding, a loss for all else.
    left = [name for name in trained.values() if name is not None and name != "lm_head.weight"]
    if left or None in trained:
        raise BadConfig(
            "GGUFNotSupported",
            f"the base model's GGUF has no place for {left or trained[None]}: take GGUF out of export",
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_fields(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, new_tokens: Mapping[int, str]) -> None:
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in (ARCHITECTURE, FILE_TYPE):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        value = with_tokens(field.name, field.contents(), new_tokens)
        writer.add_key_value(field.name, value, field.types[0], inner)


def _narrow(data: NDArray[numpy.float32], name: str) -> NDArray[numpy.float16]:
    with numpy.errstate(over="ignore"):
        found = data.astype(numpy.float16)
    if not numpy.isfinite(found).all():
        raise BadConfig(
            "GGUFNotSupported",
            f"{name} has weights that 16 bits do not hold, which no healthy model has: lower "
            "recipe.causalLM.learningRate, or take GGUF out of spec.export",
        )
    return found
