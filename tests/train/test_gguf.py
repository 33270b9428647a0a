"""Does llama.cpp, with our GGUF adapter, say what transformers says with the adapter that was trained?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import xllamacpp
from transformers import LlamaConfig

from slipway.api.causal_lm import CausalLM
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import base, device, methods
from slipway_train_torch.gguf import lora
from tests.train.conftest import SmolLM2

PROMPTS = ("Begin Object Class=/Script/BlueprintGraph.K2Node_IfThenElse", "The capital of France is", "1 2 3 4 5 6 7")
TOP = 20
TOLERANCE = 0.02
"""Nats of log probability; llama.cpp keeps keys and values in 16 bits."""


@pytest.fixture(scope="module")
def adapted(smollm2: SmolLM2, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """SmolLM2 with an adapter that changes what it says, in torch and as peft wrote it."""
    model, tokenizer = base.load(smollm2.folder, "s3://slipway/models/smollm2/", device.choose("FP32"))
    torch.manual_seed(0)
    model = methods.with_adapter(model, CausalLM(rank=8), "s3://slipway/models/smollm2/")
    with torch.no_grad():
        for name, parameter in methods.Tuned(model.get_base_model(), model).trainable().items():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    return model.eval(), tokenizer, folder


@pytest.fixture(scope="module")
def exact(smollm2: SmolLM2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same base model with its weights dequantised, so that llama.cpp computes with numbers and not with roundings.

    For quantised weights it also rounds activations to 8 bits, which alone moves answers by a quarter of a nat.
    """
    reader = gguf.GGUFReader(smollm2.file)
    target = tmp_path_factory.mktemp("exact") / "model.gguf"
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())  # type: ignore[union-attr]
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_it_says_the_same(exact: Path, adapted: tuple[Any, Any, Path], tmp_path: Path) -> None:
    model, tokenizer, folder = adapted
    lora.write(folder, model.get_base_model().config, tmp_path / "adapter.gguf")
    trained = [torch_says(model, tokenizer, prompt) for prompt in PROMPTS]
    with model.disable_adapter():
        untrained = [torch_says(model, tokenizer, prompt) for prompt in PROMPTS]
    served = llama_says(exact, tmp_path / "adapter.gguf")
    assert min(apart(a, b) for a, b in zip(trained, untrained, strict=True)) > 0.5
    for mine, theirs in zip(trained, served, strict=True):
        assert max(mine, key=mine.__getitem__) == max(theirs, key=theirs.__getitem__)
        assert apart(mine, theirs) < TOLERANCE


def test_rows_left_in_torch_order_would_be_noticed(
    exact: Path, adapted: tuple[Any, Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer, folder = adapted
    monkeypatch.setattr(lora, "INTERLEAVED", frozenset())
    lora.write(folder, model.get_base_model().config, tmp_path / "adapter.gguf")
    trained = [torch_says(model, tokenizer, prompt) for prompt in PROMPTS]
    served = llama_says(exact, tmp_path / "adapter.gguf")
    assert max(apart(a, b) for a, b in zip(trained, served, strict=True)) > 10 * TOLERANCE


def test_the_file_says_what_it_is(adapted: tuple[Any, Any, Path], tmp_path: Path) -> None:
    model, _, folder = adapted
    lora.write(folder, model.get_base_model().config, tmp_path / "one.gguf")
    lora.write(folder, model.get_base_model().config, tmp_path / "two.gguf")
    reader = gguf.GGUFReader(tmp_path / "one.gguf")
    said = {key: reader.get_field(key).contents() for key in ("general.architecture", "general.type", "adapter.type")}  # type: ignore[union-attr]
    assert said == {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"}
    assert reader.get_field("adapter.lora.alpha").contents() == 16.0  # type: ignore[union-attr]
    # Seven linear layers in each of thirty blocks, two factors each.
    assert len(reader.tensors) == 420
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_an_unknown_architecture_is_refused_in_words(tmp_path: Path) -> None:
    config = LlamaConfig()
    config.model_type = "mamba"
    with pytest.raises(BadConfig, match=r"mamba models cannot be exported as GGUF.*take GGUF out of spec.export"):
        lora.write(tmp_path, config, tmp_path / "adapter.gguf")


@torch.no_grad()
def torch_says(model: Any, tokenizer: Any, prompt: str) -> dict[int, float]:
    """Return the likeliest next tokens and their log probabilities."""
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    found = model(input_ids=ids).logits[0, -1].float().log_softmax(-1).topk(TOP)
    return dict(zip(found.indices.tolist(), found.values.tolist(), strict=True))


def llama_says(weights: Path, adapter: Path) -> list[dict[int, float]]:
    """Return the same from llama.cpp."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path, wanted.n_ctx, wanted.n_parallel, wanted.warmup, wanted.verbosity = str(weights), 256, 1, False, 0
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    loaded = xllamacpp.CommonAdapterLoraInfo()
    loaded.path, loaded.scale = str(adapter), 1.0
    wanted.lora_adapters = [loaded]
    server = xllamacpp.Server(wanted)
    found = []
    for prompt in PROMPTS:
        asked = {"prompt": prompt, "max_tokens": 1, "logprobs": TOP, "temperature": 0.0, "cache_prompt": False}
        answer = server.handle_completions(asked)
        top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        found.append({entry["id"]: entry["logprob"] for entry in top})
    return found


def apart(one: dict[int, float], other: dict[int, float]) -> float:
    """Return how far two answers differ on the five likeliest tokens of the first, in nats."""
    best = sorted(one, key=one.__getitem__, reverse=True)[:5]
    return max(abs(one[token] - other[token]) if token in other else math.inf for token in best)
