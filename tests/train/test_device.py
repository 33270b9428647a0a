"""Which device is chosen, and in which format does it compute? Devices here are what torch says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from slipway_train_torch.causal_lm import device


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a GPU of a compute capability into the machine, as torch would see it."""

    def put(major: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: SimpleNamespace(major=major))
        # Every GPU can make a tensor in BF16: that it computes natively with one does not follow.
        monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda *_: True)

    return put


@pytest.mark.parametrize(
    ("major", "precision", "wanted"),
    [
        (7, "Auto", "FP32"),
        (7, "BF16", "BF16"),
        (7, "FP32", "FP32"),
        (8, "Auto", "BF16"),
        (8, "FP32", "FP32"),
        (9, "Auto", "BF16"),
    ],
    ids=["T4 or V100", "T4, asked for", "T4, FP32", "A100", "A100, FP32", "H100"],
)
def test_a_gpu_computes_in_bf16_where_it_does_so_natively(gpu: Any, major: int, precision: str, wanted: str) -> None:
    gpu(major)
    chosen = device.choose(precision)
    assert (chosen.torch.type, chosen.precision) == ("cuda", wanted)


@pytest.mark.parametrize(
    ("capabilities", "precision", "wanted"),
    [
        ({"amx_bf16": True, "avx512_bf16": True, "avx512_f": True}, "Auto", "BF16"),
        ({"amx_bf16": False, "avx512_bf16": True, "avx512_f": True}, "Auto", "FP32"),
        ({"amx_bf16": False, "avx512_bf16": False, "avx512_f": True}, "Auto", "FP32"),
        ({"architecture": "aarch64"}, "Auto", "FP32"),
        ({"amx_bf16": False, "avx512_bf16": True}, "BF16", "BF16"),
        ({"amx_bf16": True}, "FP32", "FP32"),
    ],
    ids=["AMX", "avx512_bf16 alone", "AVX512", "Arm", "asked for", "refused"],
)
def test_a_cpu_computes_in_bf16_where_that_is_faster(
    capabilities: dict[str, Any], precision: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    chosen = device.choose(precision)
    assert (chosen.torch.type, chosen.precision) == ("cpu", wanted)
    assert chosen.autocast().fast_dtype == torch.bfloat16
