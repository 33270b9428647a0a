"""Do rows that go through a model behind each other cost no padding, see nothing of each other, and learn the same?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from slipway_train_torch.causal_lm import batches, flat
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.loss import head_weight, summed_loss

FP32 = Device(torch.device("cpu"), torch.float32)
SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
}


def llama(**more: Any) -> Any:
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(**(SHAPE | more))).train()


def example(name: str, size: int, prompt: int = 2) -> Example:
    ids = tuple((11 * len(name) + 7 * ord(name[0]) + 5 * at) % 97 for at in range(size))
    return Example(name, ids, tuple(at >= prompt for at in range(size)))


UNEQUAL = [(example("a", 9),), (example("b", 4),), (example("c", 17),)]
PACKED = [(example("a", 9), example("b", 4)), (example("c", 12), example("d", 3), example("e", 5))]


def outcome(model: Any, batch: batches.Batch) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    loss = summed_loss(model, head_weight(model), batch)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("lines", [UNEQUAL, PACKED], ids=["unequal", "packed"])
def test_flat_rows_have_the_loss_and_the_gradient_of_each_row_alone(lines: list[batches.Row]) -> None:
    model = llama()
    alone = [outcome(model, batches.collate([(e,)], pad=0)) for line in lines for e in line]
    wanted, gradient = sum(loss for loss, _ in alone), sum(g for _, g in alone)
    assert flat.enable(model, 64, FP32)
    found, ours = outcome(model, flat.collate(lines))
    assert found == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(ours, gradient, rtol=1e-4, atol=1e-5)


def test_nothing_is_padded_and_positions_start_again() -> None:
    batch = flat.collate([(example("a", 3, 1), example("b", 2, 1)), (example("c", 4, 2),)])
    assert batch.input_ids.shape == (1, 9)
    assert batch.tokens == 9
    assert batch.position_ids is not None
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1, 0, 1, 2, 3]]
    # The last token of a row says nothing, and the first token of one is said by nobody, trained or not.
    assert batch.at.tolist() == [0, 1, 3, 6, 7]
    assert batch.targets.tolist() == [batch.input_ids[0, at + 1].item() for at in batch.at.tolist()]
    assert batch.lengths.tolist() == [[3, 3, 3, 2, 2, 4, 4, 4, 4]]
    assert batch.rows is not None
    assert (batch.rows.sizes, batch.rows.ends.tolist(), batch.rows.longest) == ((3, 2, 4), [0, 3, 5, 9], 4)


def test_a_first_token_that_is_trained_is_said_by_nobody() -> None:
    whole = Example("w", (5, 6, 7), (True, True, True))
    batch = flat.collate([(whole,), (whole,)])
    assert batch.at.tolist() == [0, 1, 3, 4]
    assert len(batch.targets) == 2 * whole.targets


def test_a_batch_of_any_other_kind_still_works_once_flat_ones_do() -> None:
    model = llama()
    padded, packed = batches.collate(UNEQUAL, pad=0), batches.collate(PACKED, pad=0)
    wanted = [outcome(model, batch)[0] for batch in (padded, packed)]
    assert flat.enable(model, 64, FP32)
    assert [outcome(model, batch)[0] for batch in (padded, packed)] == pytest.approx(wanted, rel=1e-5)


def test_activations_computed_again_change_nothing() -> None:
    model = llama()
    assert flat.enable(model, 64, FP32)
    plain = outcome(model, flat.collate(UNEQUAL))
    model.gradient_checkpointing_enable({"use_reentrant": False})
    again = outcome(model, flat.collate(UNEQUAL))
    assert again[0] == pytest.approx(plain[0], rel=1e-6)
    torch.testing.assert_close(again[1], plain[1])


def test_models_that_are_not_known_to_be_able_are_left_as_they_are() -> None:
    window = MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=16))
    before = window.config._attn_implementation
    assert not flat.enable(window, 64, FP32)
    assert window.config._attn_implementation == before
    assert flat.enable(window, 16, FP32), "a window that no row exceeds is none"
    absolute = GPT2LMHeadModel(GPT2Config(vocab_size=97, n_embd=32, n_layer=1, n_head=2, n_positions=64))
    told = flat.enable(absolute, 64, FP32)
    assert told == (absolute.config._attn_implementation == flat.NAME)


def test_a_model_whose_rows_see_each_other_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = llama()
    before = model.config._attn_implementation
    whole = flat.Rows

    def as_one(sizes: tuple[int, ...], ends: torch.Tensor, longest: int) -> batches.Rows:
        return whole((sum(sizes),), ends[[0, -1]], sum(sizes)) if len(sizes) > 1 else whole(sizes, ends, longest)

    monkeypatch.setattr(flat, "Rows", as_one)
    states = flat._states

    def always_told(model: Any, batch: batches.Batch) -> torch.Tensor:
        with torch.no_grad():
            told = {} if len(batch.input_ids[0]) < sum(flat.PROBE) else batch.arguments()
            found: torch.Tensor = model.get_decoder()(input_ids=batch.input_ids, **told).last_hidden_state
        return found

    monkeypatch.setattr(flat, "_states", always_told)
    assert not flat.enable(model, 64, FP32)
    assert model.config._attn_implementation == before
    monkeypatch.setattr(flat, "_states", states)


@pytest.mark.parametrize("batching", ["LengthBuckets", "Packed"])
def test_the_recipe_pads_nothing(bench: Any, batching: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    original: Callable[..., Any] = flat.collate

    def noted(lines: Any) -> batches.Batch:
        batch: batches.Batch = original(lines)
        seen.append(tuple(batch.input_ids.shape))
        assert batch.tokens == batch.input_ids.numel()
        return batch

    run = bench.recipe(bench.job("flat", batching=batching, max_steps=2))
    run.setup()
    assert run.flat
    monkeypatch.setattr(flat, "collate", noted)
    run.step()
    run.step()
    assert sum(tokens for _, tokens in seen) == run.state.tokens
