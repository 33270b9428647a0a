"""Does a model whose files are cut, or are pickle, end in words for a person?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from slipway.api.causal_lm import CausalLM
from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import Train
from slipway.contract.result import Failed
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig, BadData
from slipway_pod.run import attempt
from slipway_train_torch.causal_lm import base, methods
from slipway_train_torch.causal_lm.device import choose
from slipway_train_torch.evaluate import weights
from slipway_train_torch.evaluate.files import Served, Weights
from slipway_train_torch.gguf import lora
from tests.train.conftest import SmolLM2, reference
from tests.train.runs import Bench

URI = "s3://slipway/models/tiny/"
FILES = ("model.safetensors", "tokenizer.json", "config.json")


def cut(file: Path, size: int | None = None) -> None:
    """Keep the first `size` bytes of `file`, or the first half of it."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 if size is None else size])


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.mark.parametrize("name", FILES)
def test_a_base_model_with_a_file_cut_in_half(folder: Path, name: str) -> None:
    cut(folder / name)
    with pytest.raises(BadConfig, match=f"the base model {URI} cannot be read by transformers: ") as caught:
        base.load(folder, URI, choose("FP32"))
    assert caught.value.reason == "BaseModelUnreadable"


@pytest.mark.parametrize("name", FILES)
def test_weights_to_judge_with_a_file_cut_in_half(folder: Path, name: str) -> None:
    cut(folder / name)
    with pytest.raises(BadData, match="the safetensors folder cannot be read: ") as caught:
        weights.load(Weights(folder=folder), torch.device("cpu"))
    assert caught.value.reason == "WeightsUnreadable"


@pytest.mark.parametrize("size", [2, 4096, 1_000_000, None])
def test_a_gguf_that_is_cut_anywhere(smollm2: SmolLM2, tmp_path: Path, size: int | None) -> None:
    file = Path(shutil.copy(smollm2.file, tmp_path))
    cut(file, size)
    with pytest.raises(BadConfig, match="cannot be read by transformers: "):
        base.load(tmp_path, URI, choose("FP32"))
    with pytest.raises(BadData, match=f"{file.name} cannot be read: "):
        weights.load(Weights(gguf=file), torch.device("cpu"))


@pytest.mark.parametrize("kind", ["adapter_model.safetensors", "adapter.gguf"])
def test_an_adapter_cut_in_half(tiny: Path, tmp_path: Path, kind: str) -> None:
    model, _ = base.load(tiny, URI, choose("FP32"))
    changed = methods.with_adapter(model, CausalLM(rank=4), URI)
    changed.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=False)
    plain = changed.unload()
    lora.write(tmp_path / "adapter", plain.config, tmp_path / "adapter.gguf")
    served = Served("v1", Weights(folder=tiny), adapter_folder=tmp_path / "adapter")
    if kind == "adapter.gguf":
        served = Served("v1", Weights(folder=tiny), adapter_gguf=tmp_path / kind)
        cut(tmp_path / kind)
    else:
        cut(tmp_path / "adapter" / kind)
    with pytest.raises(BadData, match="cannot be read") as caught, weights.adapted(plain, served):
        pass
    assert caught.value.reason == "WeightsUnreadable"


def test_a_pickle_ends_the_pod_with_its_reason_and_is_not_read(bench: Bench, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    # Who opens it as a pickle runs it: this one would leave a file.
    opened = bench.folder / "opened"
    (folder / "pytorch_model.bin").write_bytes(f"cos\nmkdir\n(V{opened}\ntR.".encode())
    pickled = reference(publish_at(folder, "s3://slipway/models/pickled/", bench.store))
    job = bench.job().model_copy(update={"base_model": pickled})
    (bench.folder / "job.json").write_text(json.dumps(job.dump()))
    code, result = attempt(bench.run, Train, bench.folder / "job.json")
    assert code == ExitCode.BAD_DATA
    assert isinstance(result, Failed)
    assert result.reason == "PickleRefused"
    assert "upload that" in result.message
    assert not opened.exists()
