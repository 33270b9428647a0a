"""Which folders are models?"""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.files import Weights, complete


def folder(at: Path, *names: str) -> Path:
    for name in names:
        (at / name).write_bytes(b"")
    return at


@pytest.mark.parametrize(
    ("names", "reason", "words"),
    [
        (["config.json", "pytorch_model.bin"], "PickleRefused", "m has its weights as pickle (pytorch_model.bin)"),
        (["config.json", "consolidated.00.pth"], "PickleRefused", "save the model as safetensors"),
        (["pytorch_model.bin"], "NoWeights", "neither a GGUF file nor config.json"),
        (["a.gguf", "b.gguf"], "ManyGGUF", "keep the one that serves"),
    ],
)
def test_what_is_no_model_is_refused_with_its_cure(tmp_path: Path, names: list[str], reason: str, words: str) -> None:
    with pytest.raises(BadData) as refused:
        complete(folder(tmp_path, *names), "m")
    assert refused.value.reason == reason
    assert words in refused.value.message


def test_pickle_beside_safetensors_is_not_read_and_does_not_matter(tmp_path: Path) -> None:
    both = folder(tmp_path, "config.json", "model.safetensors", "pytorch_model.bin")
    assert complete(both, "m") == Weights(None, both)
