"""How fast does the recipe's step train an 8B-shaped model on a GPU? `python -m bench.training.gpu_shape`

Random weights in the shape of Llama-3.1-8B, LoRA of rank 16 on all linear layers, BF16, rows of unequal length packed
into lines of 4,096 tokens of which each bears loss. It needs a GPU with 80 GiB: it is no measure of anything else.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from slipway.api.causal_lm import CausalLM
from slipway_train_torch.causal_lm import batches, device, faster, flat, methods
from slipway_train_torch.causal_lm.batches import Row
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.device import Device
from slipway_train_torch.causal_lm.loss import head_weight, summed_loss
from slipway_train_torch.causal_lm.work import peak, work


@dataclass(frozen=True)
class Shape:
    """A model's size, and a batch's."""

    layers: int = 32
    width: int = 4096
    inner: int = 14336
    heads: int = 32
    key_heads: int = 8
    vocabulary: int = 128256
    tokens: int = 4096
    """Of one line."""
    lines: int = 2
    """In one forward pass."""
    passes: int = 4
    """In one optimiser step."""


def model_of(shape: Shape, on: Device) -> Any:
    """Return a model of that shape with random weights, frozen."""
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=max(shape.tokens, 4096),
        tie_word_embeddings=False,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(on.dtype)
    try:
        with on.torch:
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.config.use_cache = False
    return model.requires_grad_(False)


def lines_of(shape: Shape, seed: int) -> tuple[Row, ...]:
    """Return packed lines of rows whose lengths are spread as those of chats: many short, a few long."""
    draw = random.Random(seed)
    made: list[Row] = []
    for _ in range(shape.lines * shape.passes):
        line: list[Example] = []
        left = shape.tokens
        while left > 1:
            size = min(left, max(2, round(draw.lognormvariate(6.0, 0.8))))
            ids = tuple(draw.randrange(shape.vocabulary) for _ in range(size))
            line.append(Example("", ids, (False, *[True] * (size - 1))))
            left -= size
        made.append(tuple(line))
    return tuple(made)


def measured(shape: Shape, on: Device, steps: int) -> dict[str, Any]:
    """Return tokens a second of all steps but the first two, the loss, peak memory, and MFU where its peak is known."""
    device.deterministic()
    torch.manual_seed(0)
    model = model_of(shape, on)
    weights = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    if not flat.enable(model, shape.tokens, on):
        raise SystemExit("the model takes no flat batches on this device: nothing to measure")
    recipe = CausalLM(rank=16)
    tuned = methods.tuned(model, recipe, "random weights")
    asked = work(model, recipe)
    faster.quicken(tuned.model)
    parameters = tuned.trainable()
    optimiser = torch.optim.AdamW(parameters.values(), lr=1e-4, fused=True)
    head = head_weight(model)
    tuned.model.train()
    times, loss = [], 0.0
    for number in range(steps):
        lines = lines_of(shape, number)
        began = time.monotonic()
        targets = batches.targets(lines)
        total = torch.zeros((), device=on.torch)
        for at in range(0, len(lines), shape.lines):
            batch = flat.collate(lines[at : at + shape.lines]).to(on.torch)
            with on.autocast():
                piece = summed_loss(tuned.model, head, batch)
            (piece / targets).backward()
            total += piece.detach()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        loss = total.item() / targets  # waits for the device
        times.append((time.monotonic() - began, sum(len(e.ids) for line in lines for e in line), targets))
        print(
            f"      step {number + 1} of {steps}: {times[-1][1] / times[-1][0]:.0f} tokens/s",
            file=sys.stderr,
            flush=True,
        )
    seconds, tokens, targets = (sum(column) for column in zip(*times[2:], strict=True))
    name = torch.cuda.get_device_name(on.torch) if on.torch.type == "cuda" else "CPU"
    best = peak(on)
    mfu = None if best is None or asked is None else round(100 * asked.of(tokens, targets) / seconds / best, 1)
    memory = torch.cuda.max_memory_allocated(on.torch) / 2**20 if on.torch.type == "cuda" else None
    return {
        "tokens_per_s": round(targets / seconds, 1),
        "all_tokens_per_s": round(tokens / seconds, 1),
        "loss": round(loss, 4),
        "peak_mib": memory and round(memory),
        "mfu_percent": mfu,
        "device": name,
        "weights": weights,
        "torch": torch.__version__,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.training.gpu_shape", description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--lines", type=int, default=Shape.lines, help="lines of 4,096 tokens in one forward pass")
    told = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit(
            "this shape needs an NVIDIA GPU with 80 GiB or more, and torch sees none: run it where there is one"
        )
    if told.steps < 3:
        raise SystemExit("--steps: the first two are not counted, so at least 3")
    on = Device(torch.device("cuda"), torch.bfloat16)
    print(json.dumps(measured(Shape(lines=told.lines), on, told.steps)), flush=True)


if __name__ == "__main__":
    main()
