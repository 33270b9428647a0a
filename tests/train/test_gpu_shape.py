"""Does the program that measures a GPU run, and refuse a machine without one? Here in a shape for a CPU."""

from __future__ import annotations

import math

import pytest
import torch

from bench.training import gpu_shape
from bench.training.gpu_shape import Shape
from slipway_train_torch.causal_lm.device import Device

SMALL = Shape(layers=1, width=32, inner=48, heads=4, key_heads=2, vocabulary=97, tokens=64, lines=1, passes=2)


def test_it_trains_the_shape_and_counts_what_bears_loss() -> None:
    found = gpu_shape.measured(SMALL, Device(torch.device("cpu"), torch.float32), 3)
    assert found["loss"] == pytest.approx(math.log(97), rel=0.1)
    assert 0 < found["tokens_per_s"] < found["all_tokens_per_s"]
    assert (found["mfu_percent"], found["peak_mib"], found["device"]) == (None, None, "CPU")
    # q, k, v, o, gate, up, down, two norms of the layer, the last norm, the output layer; no embeddings.
    assert found["weights"] == 32 * (32 + 16 + 16 + 32 + 3 * 48) + 3 * 32 + 32 * 97


def test_lines_are_full_of_rows_of_unequal_length() -> None:
    lines = gpu_shape.lines_of(Shape(), 0)
    assert len(lines) == Shape.lines * Shape.passes
    assert all(Shape.tokens - 1 <= sum(len(e.ids) for e in line) <= Shape.tokens for line in lines)
    assert len({len(e.ids) for line in lines for e in line}) > 10


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_that_it_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["gpu_shape"])
    with pytest.raises(SystemExit, match="needs an NVIDIA GPU with 80 GiB"):
        gpu_shape.main()
