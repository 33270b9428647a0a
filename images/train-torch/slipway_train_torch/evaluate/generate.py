"""What does the engine that serves answer?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import xllamacpp

from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.files import Served
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.results import Figure

log = logging.getLogger("slipway")

TEMPLATE_TOKENS = 256
"""Room for what a chat template adds to a conversation."""
LARGEST_PROMPT = 8192
ALL_LAYERS = 999


@dataclass(frozen=True)
class Answer:
    """What the engine said."""

    text: str
    cut: bool
    """It stopped at the limit of tokens, not by itself."""
    tokens: int = 0
    error: str = ""


def answers(
    served: Served,
    items: Sequence[Item],
    max_new_tokens: int,
    seed: int,
    threads: int,
    done: int = 0,
    temperature: float = 0.0,
) -> Iterator[Answer]:
    """Yield the answer to each of `items`, in order: the likeliest, or one drawn at `temperature`, each with its seed.

    The first `done` are answered already. The others are asked as if they were not: with the room that all together
    need, and the seeds of their places. One at a time: a batch's rounding depends on what else is in it, and figures
    must not.
    """
    server = _server(served, _context(items) + max_new_tokens, threads)
    asked = {"max_tokens": max_new_tokens, "temperature": temperature, "cache_prompt": False, "stream": False}
    for at, item in enumerate(items[done:], start=done):
        asked["seed"] = (seed + at) % 2**31 if temperature else seed
        if item.chat:
            messages = [{"role": role, "content": content} for role, content in item.question]
            answer = server.handle_chat_completions({"messages": messages, **asked})
        else:
            answer = server.handle_completions({"prompt": item.prompt, **asked})
        yield _read(answer)


def figures(
    served: Served,
    items: Sequence[Item],
    max_new_tokens: int,
    seed: int,
    threads: int,
    done: int = 0,
    temperature: float = 0.0,
) -> Iterator[Figure]:
    """Yield what `answers` does as figures: the tokens of each answer, with the answer beside them."""
    said = answers(served, items, max_new_tokens, seed, threads, done, temperature)
    for at, (item, answer) in enumerate(zip(items[done:], said, strict=True), start=done + 1):
        fault = f", {answer.error}" if answer.error else ""
        log.info("answer %d/%d: %d tokens%s%s", at, len(items), answer.tokens, ", cut" if answer.cut else "", fault)
        note = {"why": answer.error, "cut": answer.cut, "answer": answer.text}
        yield Figure(item.id, item.group, float(answer.tokens), 1.0, note)


def _server(served: Served, context: int, threads: int) -> Any:
    weights, adapter = served.engine_files()
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights)
    wanted.n_ctx, wanted.n_parallel, wanted.use_jinja, wanted.warmup = context, 1, True, False
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = threads
    # As where it serves: a llama.cpp that is built for GPUs has all layers there, one for CPUs takes no notice.
    wanted.n_gpu_layers = ALL_LAYERS if torch.cuda.is_available() else 0
    wanted.verbosity, wanted.cache_ram_mib = 1, 0
    if adapter is not None:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        wanted.lora_adapters = [lora]
    try:
        return xllamacpp.Server(wanted)
    except RuntimeError as error:
        raise BadData("EngineRefuses", f"{served.name}: llama.cpp does not load it: {error}") from error


def _context(items: Sequence[Item]) -> int:
    """Return an upper bound of the prompts' tokens: a token is at least one byte of text."""
    sizes = (sum(len(text.encode()) for _, text in item.question) if item.chat else len(item.prompt) for item in items)
    return min(max(sizes) + TEMPLATE_TOKENS, LARGEST_PROMPT)


def _read(answer: Any) -> Answer:
    if "error" in answer:
        return Answer("", cut=False, error=str(answer["error"].get("message", answer["error"])))
    choice = answer["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    return Answer(text or "", choice["finish_reason"] == "length", answer.get("usage", {}).get("completion_tokens", 0))
