"""Are a run's operations counted right, and divided by what the device can do?"""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway_train_torch.causal_lm import methods
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.pace import Lap, Pace
from slipway_train_torch.causal_lm.work import Work, peak, peak_of, work

LAYERS, WIDTH, INNER, VOCABULARY = 3, 32, 48, 64
LINEAR = 4 * WIDTH * WIDTH + 3 * WIDTH * INNER
"""Weights of the linear layers of one decoder layer: q, k, v, o, and gate, up, down."""


def model() -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
            num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=False,
        )
    )  # fmt: skip


def counted(**recipe: object) -> Work | None:
    wanted = CausalLM.model_validate({"learningRate": "1e-4", **recipe})
    base = model()
    base.requires_grad_(False)
    return work(methods.tuned(base, wanted, "s3://b/m/").model, wanted)


def test_full_tuning_takes_six_operations_a_weight() -> None:
    assert counted(method="Full") == Work(6 * LAYERS * LINEAR, 6 * WIDTH * VOCABULARY)


def test_an_adapter_takes_four_for_the_base_and_six_for_its_own() -> None:
    rank = 2
    adapter = rank * (4 * (WIDTH + WIDTH) + 3 * (WIDTH + INNER))
    expected = Work(LAYERS * (4 * LINEAR + 6 * adapter), 4 * WIDTH * VOCABULARY)
    assert counted(method="LoRA", rank=rank) == expected


def test_layers_below_all_that_is_trained_are_passed_once() -> None:
    expected = Work((2 + 6 * (LAYERS - 1)) * LINEAR, 6 * WIDTH * VOCABULARY)
    assert counted(method="Full", freezeLayers=1) == expected


def test_work_that_changes_on_the_way_is_not_guessed() -> None:
    assert counted(method="Full", unfreezeEverySteps=2) is None


def test_an_untied_model_and_torch_count_alike() -> None:
    """torch's own counter, on the products of one forward and backward pass without attention's."""
    from torch.utils.flop_counter import FlopCounterMode

    base = model()
    ids = torch.arange(16).reshape(1, 16)
    with FlopCounterMode(display=False) as counter:
        base(input_ids=ids).logits.sum().backward()
    by_kind = counter.get_flop_counts()["Global"]
    products = sum(count for kind, count in by_kind.items() if str(kind) in ("aten.mm", "aten.addmm"))
    found = work(base, CausalLM(method="Full"))
    assert found is not None
    assert products == pytest.approx(found.of(16, 16), rel=0.02)


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H200 NVL", 835),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", None),
        ("NVIDIA GH200 480GB", 989),
        ("Tesla T4", None),
        ("Something New", None),
    ],
)
def test_peaks_are_known_by_the_names_that_drivers_give(name: str, teraflops: float | None) -> None:
    assert peak_of(name) == (None if teraflops is None else teraflops * 1e12)


def test_a_cpu_and_float32_have_no_known_peak() -> None:
    assert peak(Device(torch.device("cpu"), torch.bfloat16)) is None
    assert peak(Device(torch.device("cuda"), torch.float32)) is None


def test_utilisation_is_work_over_what_was_possible() -> None:
    pace = Pace(Work(per_token=1000, per_trained_token=500), peak=1e6)
    figures = pace.add(Lap(seconds=2.0, tokens=400, trained=100))
    assert figures["mfuPercent"] == pytest.approx(100 * (400_000 + 50_000) / 2e6)
    assert (figures["tokensPerSecond"], figures["trainedTokensPerSecond"]) == (200, 50)
    pace.add(Lap(seconds=1.0, tokens=800, trained=200))
    assert pace.tokens_per_second() == 400
    assert pace.trained_tokens_per_second() == 100
    assert pace.step_seconds() == 1.5
    assert pace.longest() == 2
    assert pace.mfu_percent() == pytest.approx(100 * 1_350_000 / 3e6)


def test_without_a_peak_there_is_no_utilisation() -> None:
    pace = Pace(Work(1000, 500), None)
    assert "mfuPercent" not in pace.add(Lap(1.0, 10, 5))
    assert pace.mfu_percent() is None
