"""Do exchanged layers compute what those of transformers and peft compute, forward and backward?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft.tuners.lora import Linear as LoRALinear
from transformers import GemmaConfig, GemmaForCausalLM, LlamaConfig, LlamaForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway_train_torch.causal_lm import faster, methods
from slipway_train_torch.causal_lm.kernels import AdaptedLinears, RMSNorm, Rotary, SwiGLU
from tests.train.runs import Bench, same

DOUBLE = {"dtype": torch.float64, "requires_grad": True}
SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def test_gradients_of_adapted_linear_layers_are_right() -> None:
    x = torch.randn(2, 3, 5, **DOUBLE)
    weights = [torch.randn(out, 5, dtype=torch.float64) for out in (4, 6)]
    factors = [torch.randn(*shape, **DOUBLE) for shape in ((2, 5), (4, 2), (3, 5), (6, 3))]
    bias = torch.randn(6, dtype=torch.float64)

    def ours(x: torch.Tensor, *f: torch.Tensor) -> Any:
        return AdaptedLinears.apply(x, (0.5, 2.0), weights[0], None, f[0], f[1], weights[1], bias, f[2], f[3])

    one, two = ours(x, *factors)
    torch.testing.assert_close(one, x @ weights[0].T + 0.5 * (x @ factors[0].T) @ factors[1].T)
    torch.testing.assert_close(two, x @ weights[1].T + bias + 2.0 * (x @ factors[2].T) @ factors[3].T)
    assert torch.autograd.gradcheck(ours, (x, *factors))


def test_an_output_that_nobody_uses_has_no_gradient() -> None:
    x = torch.randn(3, 5, **DOUBLE)
    a, b, c, d = (torch.randn(*shape, **DOUBLE) for shape in ((2, 5), (4, 2), (2, 5), (4, 2)))
    w = torch.randn(4, 5, dtype=torch.float64)
    used, _ = AdaptedLinears.apply(x, (1.0, 1.0), w, None, a, b, w, None, c, d)
    used.sum().backward()
    assert c.grad is None or not c.grad.any()
    assert d.grad is None
    wanted = torch.autograd.grad((x @ w.T + (x @ a.T) @ b.T).sum(), (x, a, b))
    for found, right in zip((x.grad, a.grad, b.grad), wanted, strict=True):
        torch.testing.assert_close(found, right)


def test_gradients_of_the_gate_and_the_rotation_are_right() -> None:
    gate, up = (torch.randn(3, 4, **DOUBLE) for _ in range(2))
    torch.testing.assert_close(SwiGLU.apply(gate, up), torch.nn.functional.silu(gate) * up)
    assert torch.autograd.gradcheck(SwiGLU.apply, (gate, up))
    angles = torch.randn(1, 1, 3, 2, dtype=torch.float64).repeat(1, 1, 1, 2)
    x = torch.randn(1, 2, 3, 4, **DOUBLE)
    assert torch.autograd.gradcheck(lambda x: Rotary.apply(x, angles.cos(), angles.sin()), (x,))


def test_the_norm_and_its_gradients_are_torchs() -> None:
    x, weight = torch.randn(2, 3, 16, requires_grad=True), torch.randn(16, requires_grad=True)
    upstream = torch.randn(2, 3, 16)
    theirs = torch.nn.functional.rms_norm(x, (16,), weight, 1e-5)
    wanted = torch.autograd.grad(theirs, (x, weight), upstream)
    ours = RMSNorm.apply(x, weight, 1e-5)
    torch.testing.assert_close(ours, theirs)
    for found, right in zip(torch.autograd.grad(ours, (x, weight), upstream), wanted, strict=True):
        torch.testing.assert_close(found, right)


def tuned(model: Any, **recipe: Any) -> tuple[Any, dict[str, torch.nn.Parameter]]:
    """Return a model with an adapter that is not zero any more, and what is trained."""
    model.requires_grad_(False)
    made = methods.tuned(model, CausalLM(rank=4, **recipe), "tiny")
    found = made.trainable()
    with torch.no_grad():
        for parameter in found.values():
            parameter.normal_(std=0.1)
    return made.model.train(), found


def outcome(model: Any, parameters: dict[str, torch.nn.Parameter]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.arange(2 * 11).reshape(2, 11) % 97
    loss = model(input_ids=ids, labels=ids).loss
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return loss.detach(), torch.cat([g.flatten() for g in gradients])


@pytest.mark.parametrize("recipe", [{}, {"method": "DoRA"}, {"method": "Full"}, {"dropout_percent": 10}], ids=str)
def test_a_quickened_model_has_the_loss_and_the_gradients_it_had(recipe: dict[str, Any]) -> None:
    model, parameters = tuned(LlamaForCausalLM(LlamaConfig(**SHAPE)), **recipe)
    torch.manual_seed(9)
    wanted = outcome(model, parameters)
    names = list(model.state_dict())
    faster.quicken(model)
    torch.manual_seed(9)
    found = outcome(model, parameters)
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], wanted[1], rtol=1e-3, atol=1e-6)
    assert list(model.state_dict()) == names


def test_every_layer_of_a_llama_is_exchanged(caplog: pytest.LogCaptureFixture) -> None:
    model, _ = tuned(LlamaForCausalLM(LlamaConfig(**SHAPE)))
    with caplog.at_level("INFO", "slipway"):
        faster.quicken(model)
    (said,) = (record.message for record in caplog.records)
    assert "5 LlamaRMSNorm" in said
    assert "2 LlamaMLP" in said
    assert "14 adapted linear layers" in said


@pytest.mark.parametrize("recipe", [{"method": "DoRA"}, {"dropout_percent": 10}], ids=str)
def test_adapters_that_do_more_are_left_to_peft(recipe: dict[str, Any]) -> None:
    model, _ = tuned(LlamaForCausalLM(LlamaConfig(**SHAPE)), **recipe)
    faster.quicken(model)
    adapted = [module for module in model.modules() if isinstance(module, LoRALinear)]
    assert len(adapted) == 14
    assert not any("forward" in vars(module) for module in adapted)


def test_layers_that_compute_something_else_are_left_alone() -> None:
    model, parameters = tuned(GemmaForCausalLM(GemmaConfig(**SHAPE, head_dim=8)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                # Gemma's norm adds 1 to its weight; and where that is 0, no other norm would be.
                parameter.normal_()
    wanted = outcome(model, parameters)
    faster.quicken(model)
    torch.testing.assert_close(outcome(model, parameters)[1], wanted[1], rtol=1e-3, atol=1e-6)
    # Its gate is GELU, not SiLU.
    kinds = {type(module).__name__ for module in model.modules() if "forward" in vars(module)}
    assert kinds == {"Linear"}


def test_a_model_that_turns_a_part_of_each_head_keeps_its_rotation() -> None:
    def theirs(q: Any, k: Any, cos: Any, sin: Any, unsqueeze_dim: int = 1) -> tuple[str, str]:
        return "q", "k"

    q, cos = torch.randn(1, 2, 3, 8), torch.randn(1, 3, 4)
    assert faster.Rotation(theirs)(q, q, cos, cos) == ("q", "k")  # type: ignore[arg-type, comparison-overlap]


def test_a_quickened_run_ends_where_a_plain_one_does(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = bench.adapter(bench.run(bench.job("quick", max_steps=4)))
    monkeypatch.setattr(faster, "quicken", lambda model: None)
    plain = bench.adapter(bench.run(bench.job("plain", max_steps=4)))
    assert not same(quick, plain), "it was not exchanged"
    for name, tensor in quick.items():
        torch.testing.assert_close(tensor, plain[name], rtol=1e-3, atol=2e-4)


def test_a_quickened_run_in_sixteen_bits_learns_as_one_in_thirty_two(bench: Bench) -> None:
    wide, half = (
        bench.history(bench.run(bench.job(name.lower(), precision=name, max_steps=4))) for name in ("FP32", "BF16")
    )
    for one, other in zip(wide, half, strict=True):
        assert one.keys() == other.keys()
        if "loss" in one:
            assert other["loss"] == pytest.approx(one["loss"], rel=0.02)
