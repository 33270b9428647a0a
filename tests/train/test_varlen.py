"""Do rows go through torch's fused kernel as they go one by one, and is it left alone where it refuses? Its double here
is plain arithmetic that requires what torch.nn.attention.varlen asks of callers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from slipway_train_torch.causal_lm import batches, flat, varlen
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.loss import summed_loss
from tests.train.test_flat import FP32, PACKED, UNEQUAL, llama, outcome

CPU = torch.device("cpu")
BF16 = Device(CPU, torch.bfloat16)
WINDOW = (-1, 0)


@dataclass
class Double:
    """Stands for `varlen_attn` of a GPU; notes the longest row of each call that it answered."""

    multiple: int = 8
    """Of which the width of heads must be one."""
    widest_back: int = 256
    """Of heads that the way back is known for."""
    answered: list[int] = field(default_factory=list)

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        cu_seq_q: torch.Tensor,
        cu_seq_k: torch.Tensor | None,
        max_q: int,
        max_k: int,
        *,
        return_aux: Any = None,
        scale: float | None = None,
        window_size: tuple[int, int] = (-1, -1),
        enable_gqa: bool = False,
        seqused_k: torch.Tensor | None = None,
        block_table: torch.Tensor | None = None,
        num_splits: int | None = None,
    ) -> torch.Tensor:
        """Return causal attention inside each row, [tokens, heads, width]."""
        tokens, heads, width = query.shape
        assert key.shape == value.shape == (tokens, key.shape[1], width), "[T, H, D]"
        assert query.dtype == key.dtype == value.dtype == varlen.FORMAT
        assert all(tensor.stride(-1) == 1 for tensor in (query, key, value))
        # cuDNN computes causal attention for one and the same tensor only.
        assert cu_seq_q is cu_seq_k
        assert (cu_seq_q.dtype, cu_seq_q.ndim) == (torch.int32, 1)
        ends = cu_seq_q.tolist()
        sizes = [end - begin for begin, end in pairwise(ends)]
        assert (ends[0], ends[-1], min(sizes) > 0) == (0, tokens, True)
        assert type(max_q) is int
        assert max_q == max_k == max(sizes)
        assert window_size == WINDOW, "causal"
        assert enable_gqa == (heads != key.shape[1])
        assert heads % key.shape[1] == 0
        assert scale is None or scale > 0
        assert (return_aux, seqused_k, block_table, num_splits) == (None, None, None, None)
        if width % self.multiple:
            raise RuntimeError(f"head_size should be a multiple of {self.multiple}")
        self.answered.append(max_q)
        shared = heads // key.shape[1]
        one_by_one = zip(query.split(sizes), key.split(sizes), value.split(sizes), strict=True)
        made = [_attention(q, k, v, shared, scale or width**-0.5) for q, k, v in one_by_one]
        back: torch.Tensor = _Back.apply(torch.cat(made), width <= self.widest_back)
        return back


def _attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, shared: int, scale: float) -> torch.Tensor:
    wide = torch.einsum("qhd,khd->hqk", q.float(), k.float().repeat_interleave(shared, 1)) * scale
    future = torch.ones(wide.shape[1:], dtype=torch.bool).triu(1)
    chances = wide.masked_fill(future, -torch.inf).softmax(-1)
    return torch.einsum("hqk,khd->qhd", chances, v.float().repeat_interleave(shared, 1)).to(q.dtype)


class _Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, known: bool) -> torch.Tensor:
        ctx.known = known
        return x.clone()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        if not ctx.known:
            raise RuntimeError("no backward for heads as wide as these")
        return upstream, None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """A machine that has the kernel."""
    double = Double()
    monkeypatch.setattr(varlen, "varlen_attn", double)
    monkeypatch.setattr(varlen, "on_gpu", lambda _: True)
    varlen.takes.cache_clear()
    yield double
    varlen.takes.cache_clear()


@pytest.fixture
def exact(kernel: Double, monkeypatch: pytest.MonkeyPatch) -> Double:
    """A kernel for float32, so that gradients can be compared closely."""
    monkeypatch.setattr(varlen, "FORMAT", torch.float32)
    return kernel


def test_the_double_takes_what_torch_takes() -> None:
    theirs = inspect.signature(torch.nn.attention.varlen.varlen_attn).parameters.values()
    ours = inspect.signature(Double()).parameters.values()
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize("key_heads", [1, 2, 4], ids=["one key", "shared keys", "keys alone"])
@pytest.mark.parametrize("lines", [UNEQUAL, PACKED], ids=["unequal", "packed"])
def test_the_kernels_rows_have_the_loss_and_the_gradient_of_each_row_alone(
    exact: Double, lines: list[batches.Row], key_heads: int
) -> None:
    model = llama(num_key_value_heads=key_heads)
    alone = [outcome(model, batches.collate([(e,)], pad=0)) for line in lines for e in line]
    wanted, gradient = sum(loss for loss, _ in alone), sum(g for _, g in alone)
    assert flat.enable(model, 64, FP32)
    exact.answered.clear()
    found, ours = outcome(model, flat.collate(lines))
    assert exact.answered == [max(len(e.ids) for line in lines for e in line)] * 2, "once a layer"
    assert found == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(ours, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16], ids=["Full", "LoRA"])
def test_a_run_in_bf16_is_tried_as_its_steps_go(kernel: Double, weights: torch.dtype) -> None:
    # All of a model is trained in float32: rotary embeddings leave queries in float32 and values in BF16 then.
    model = llama().to(weights)
    head, batch = model.get_output_embeddings().weight.to(BF16.dtype), flat.collate(UNEQUAL)

    def gradient() -> torch.Tensor:
        model.zero_grad()
        with BF16.autocast():
            loss = summed_loss(model, head, batch)
        loss.backward()
        return torch.cat([p.grad.float().flatten() for p in model.get_decoder().parameters()])

    assert flat.enable(model, 64, BF16)
    assert kernel.answered.count(max(flat.PROBE)) == 2, "each layer of the trial went through the kernel"
    kernel.answered.clear()
    ours = gradient()
    assert kernel.answered == [17, 17]
    with pytest.MonkeyPatch.context() as without:
        without.setattr(varlen, "on_gpu", lambda _: False)
        wanted = gradient()
    assert (ours - wanted).norm() <= 5e-2 * wanted.norm()


@pytest.mark.parametrize(
    ("refusing", "more"),
    [
        (Double(), {"hidden_size": 40}),  # heads of 10
        (Double(widest_back=4), {}),
    ],
    ids=["forth", "back"],
)
def test_heads_that_the_kernel_refuses_go_row_by_row(
    exact: Double, monkeypatch: pytest.MonkeyPatch, refusing: Double, more: dict[str, int]
) -> None:
    monkeypatch.setattr(varlen, "varlen_attn", refusing)
    model = llama(**more)
    alone = [outcome(model, batches.collate([(e,)], pad=0)) for line in UNEQUAL for e in line]
    assert flat.enable(model, 64, FP32), "rows are not padded for it"
    refusing.answered.clear()
    found, ours = outcome(model, flat.collate(UNEQUAL))
    assert refusing.answered == []
    assert found == pytest.approx(sum(loss for loss, _ in alone), rel=1e-5)
    torch.testing.assert_close(ours, sum(g for _, g in alone), rtol=1e-4, atol=1e-5)


def test_it_is_tried_once_on_short_rows_and_on_long_ones_and_draws_no_numbers(kernel: Double) -> None:
    before = torch.get_rng_state()
    assert [varlen.takes(CPU, 4, 2, 8, 8) for _ in range(2)] == [True, True]
    assert kernel.answered == [max(sizes) for sizes in varlen.TRIED]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trial_amid_a_step_leaves_what_is_computed_again_alone(exact: Double) -> None:
    model = llama()
    assert flat.enable(model, 64, FP32)
    plain = outcome(model, flat.collate(UNEQUAL))
    model.gradient_checkpointing_enable({"use_reentrant": False})
    varlen.takes.cache_clear()  # as in a divided model, which is tried on the host
    again = outcome(model, flat.collate(UNEQUAL))
    assert exact.answered[-1] == 17
    torch.testing.assert_close(again[1], plain[1])


def test_memory_that_runs_out_says_nothing_of_the_kernel(kernel: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(varlen, "varlen_attn", full)
    with pytest.raises(torch.OutOfMemoryError):
        varlen.takes(CPU, 4, 2, 8, 8)
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    assert varlen.takes(CPU, 4, 2, 8, 8)


@pytest.mark.parametrize(
    ("cuda", "dtype", "autocast", "dropout", "wanted"),
    [
        (True, torch.bfloat16, False, 0.0, True),
        (True, torch.float32, True, 0.0, True),
        (True, torch.bfloat16, True, 0.0, True),
        (True, torch.float32, False, 0.0, False),
        (True, torch.float16, False, 0.0, False),
        (True, torch.bfloat16, False, 0.1, False),
        (False, torch.bfloat16, False, 0.0, False),
    ],
)
def test_what_the_kernel_is_asked_for(
    kernel: Double,
    monkeypatch: pytest.MonkeyPatch,
    cuda: bool,
    dtype: torch.dtype,
    autocast: bool,
    dropout: float,
    wanted: bool,
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    query: Any = SimpleNamespace(is_cuda=cuda, dtype=dtype, device=CPU, shape=(1, 4, 9, 8))
    key: Any = SimpleNamespace(shape=(1, 2, 9, 8))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        assert varlen.fits(query, key, key, dropout) is wanted
