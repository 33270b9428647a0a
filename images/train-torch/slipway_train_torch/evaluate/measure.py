"""How is one metric measured on one model?"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from slipway.api.common import BlueprintValidity, EvaluationMetric, HeldOutLoss
from slipway.api.preference import HumanPreference
from slipway_train_torch.evaluate.classes import classes, trained
from slipway_train_torch.evaluate.files import Served, Weights
from slipway_train_torch.evaluate.generate import answers, figures
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.loss import held_out_loss
from slipway_train_torch.evaluate.results import Figure
from slipway_train_torch.evaluate.validity import judge
from slipway_train_torch.evaluate.weights import adapted, load

log = logging.getLogger("slipway")

ENGINES = ("torch", "transformers", "xllamacpp")
"""Whose versions figures depend on."""


class Bench:
    """Where models are measured: device, threads, and the complete weights that are loaded."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_num_threads(threads)
        self._loaded: tuple[Weights, Any, Any] | None = None

    def model(self, weights: Weights) -> tuple[Any, Any]:
        """Return torch model and tokenizer of `weights`; a version and its reference often share them."""
        if self._loaded is None or self._loaded[0] != weights:
            self.clear()
            self._loaded = (weights, *load(weights, self.device))
        return self._loaded[1], self._loaded[2]

    def clear(self) -> None:
        """Give the memory of the loaded model back."""
        self._loaded = None
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def measure(
    served: Served, metric: EvaluationMetric, items: Sequence[Item], data: Path, seed: int, bench: Bench, done: int = 0
) -> Iterator[Figure]:
    """Yield the figure of each of `items` after the first `done`, in order.

    They are of the prepared dataset in folder `data`. No figure depends on how many were done before.
    """
    match metric.chosen:
        case HeldOutLoss():
            return _loss(served, items, bench, done)
        case BlueprintValidity(max_new_tokens=limit):
            bench.clear()
            return _validity(served, items, trained(data), limit, seed, bench, done)
        case HumanPreference(max_new_tokens=limit):
            bench.clear()
            return figures(served, items, limit, seed, bench.threads, done)


def _loss(served: Served, items: Sequence[Item], bench: Bench, done: int) -> Iterator[Figure]:
    model, tokenizer = bench.model(served.weights)
    with adapted(model, served) as serving:
        for at, item in enumerate(items[done:], start=done + 1):
            loss = held_out_loss(serving, tokenizer, item, bench.device)
            log.info("held-out loss %d/%d: %.4f over %d tokens", at, len(items), loss.mean, loss.tokens)
            yield Figure(item.id, item.group, loss.nats, loss.tokens, {})


def _validity(
    served: Served, items: Sequence[Item], known: frozenset[str], limit: int, seed: int, bench: Bench, done: int
) -> Iterator[Figure]:
    said = answers(served, items, limit, seed, bench.threads, done)
    for at, (item, answer) in enumerate(zip(items[done:], said, strict=True), start=done + 1):
        verdict = judge(answer.text, known | classes([item.wanted]), cut=answer.cut)
        why = answer.error or verdict.why
        log.info("answer %d/%d: %s", at, len(items), "valid" if verdict.valid else f"not valid: {why}")
        note = {
            "why": why,
            "layers": verdict.layers,
            "objects": verdict.objects,
            "cut": answer.cut,
            "tokens": answer.tokens,
            "answer": answer.text,
        }
        yield Figure(item.id, item.group, float(verdict.valid), 1.0, note)
