"""How does a LoRA of peft become a GGUF file that llama.cpp adds to its base model?

The names and fields are those of llama.cpp's convert_lora_to_gguf.py, which it does not ship as a library.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gguf
import numpy
from numpy.typing import NDArray
from safetensors.numpy import load_file

from slipway_pod.errors import BadConfig

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
"""Model types of transformers, by what llama.cpp calls them."""
INTERLEAVED = frozenset({gguf.MODEL_ARCH.LLAMA})
"""Architectures whose rotary pairs llama.cpp keeps side by side, transformers half a head apart."""
TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<factor>[AB])\.weight")


def write(adapter: Path, config: Any, target: Path) -> None:
    """Write the peft adapter in folder `adapter` to GGUF file `target`; `config` is that of its base model.

    Raises BadConfig for a model that this translation does not know.
    """
    kind = architecture(config)
    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[kind])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(settings["lora_alpha"]))
    for name, factor in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        found = TENSOR.fullmatch(name)
        translated = names.get_name(f"{found['module']}.weight", try_suffixes=(".weight",)) if found else None
        if found is None or translated is None:
            raise BadConfig("GGUFNotSupported", f"llama.cpp has no name for {name}: take GGUF out of spec.export")
        data = factor.astype(numpy.float32)
        if found["factor"] == "B" and kind in INTERLEAVED and (count := heads(found["module"], config)):
            data = interleaved(data, count)
        writer.add_tensor(f"{translated}.lora_{found['factor'].lower()}", numpy.ascontiguousarray(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def architecture(config: Any) -> gguf.MODEL_ARCH:
    """Return what llama.cpp calls the model of `config`; raise BadConfig for one that is not known here."""
    found = ARCHITECTURES.get(config.model_type)
    if found is None:
        raise BadConfig(
            "GGUFNotSupported",
            f"{config.model_type} models cannot be exported as GGUF (known: {', '.join(ARCHITECTURES)}): "
            "take GGUF out of spec.export, or use another base model",
        )
    return found


def interleaved(weight: NDArray[numpy.float32], count: int) -> NDArray[numpy.float32]:
    """Return rows of `weight` [count * size, …] in llama.cpp's rotary order: i and i + size/2 become neighbours.

    `permute` of llama.cpp's conversion/llama.py. Of a LoRA only B has these rows: (P B) A = P (B A).
    """
    halves = weight.reshape(count, 2, weight.shape[0] // count // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def heads(module: str, config: Any) -> int:
    """Return the number of heads whose rows `module` makes; 0 when it is neither q nor k."""
    if module.endswith("q_proj"):
        return int(config.num_attention_heads)
    if module.endswith("k_proj"):
        return int(config.num_key_value_heads or config.num_attention_heads)
    return 0
