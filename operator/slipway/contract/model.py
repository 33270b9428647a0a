"""How does a trained model lie in the object store?

    model.json        ModelCard
    adapter/          LoRA, QLoRA or DoRA as peft writes it: adapter_config.json, adapter_model.safetensors
    adapter.gguf      the same adapter for llama.cpp, LoRA and QLoRA only
    config.json, …    where the artefact is a Model: its folder is what transformers reads, with tokenizer
    model.gguf        complete weights for llama.cpp, where the artefact is a Model
    history.jsonl     one line per step and per measurement: step, loss, learning rate, tokens per second, …

A base model is a folder with safetensors and config.json, or one GGUF file; llama.cpp needs the GGUF.
"""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.stages import StageData

CARD = "model.json"
ADAPTER = "adapter"
ADAPTER_GGUF = "adapter.gguf"
MODEL_GGUF = "model.gguf"
HISTORY = "history.jsonl"


class ModelCard(StatusModel):
    """What the artefact is, for its readers."""

    model: str
    kind: str
    base_digest: str = ""
    dataset_digest: str = ""
    stages: tuple[StageData, ...] = Field(default=(), exclude_if=lambda stages: not stages)
    """What each stage trained on."""
    recipe: str = ""
    parameters: dict[str, str] = {}
