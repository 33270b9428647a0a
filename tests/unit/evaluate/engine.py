"""A program of an evaluation's pod, the real one, with these few lines in the place of torch and of llama.cpp.

    python engine.py MODULE

ANSWERED names a file that gets a line for each item that a model was asked, once it has answered. DIES says of what the
process dies and when: `9 4` of SIGKILL when it has answered 3 items and is to answer the fourth. FAILS is the number of
the item for which there is no memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

signal, last = map(int, os.environ.get("DIES", "0 0").split())
turns = count(1)


def answer(model: str, *asked: object) -> int:
    """Return a number that everything which was asked determines, and nothing else."""
    turn = next(turns)
    if turn == last:
        os.kill(os.getpid(), signal)
    if turn == int(os.environ.get("FAILS", "0")):
        raise MemoryError
    with open(os.environ["ANSWERED"], "a") as file:
        file.write(f"{model} {json.dumps(asked)}\n")
    return int(hashlib.sha256(repr((model, asked)).encode()).hexdigest()[:13], 16)


class Bag:
    """Takes any attribute, and has a bag for each that it has not got."""

    def __getattr__(self, name: str) -> Bag:
        setattr(self, name, Bag())
        return self.__dict__[name]


class Server:
    """Answers like a model that writes Blueprints now and then; what it says hangs on the context and the seed too."""

    def __init__(self, wanted: Any) -> None:
        self._model, self._context = Path(wanted.model.path).read_text(), wanted.n_ctx

    def handle_chat_completions(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = answer(
            self._model, self._context, asked["seed"], asked["temperature"], asked["messages"][-1]["content"]
        )
        node = f'Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="N{number}"\nEnd Object'
        text = node if number % 2 else f"Line one\u2028line two {number}"
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"completion_tokens": number % 50}}


def load(weights: Any, device: object) -> tuple[str, None]:
    return weights.gguf.read_text(), None


@contextmanager
def adapted(model: str, served: object) -> Iterator[str]:
    yield model


def held_out_loss(model: str, tokenizer: object, item: Any, device: object) -> SimpleNamespace:
    number = answer(model, item.id)
    return SimpleNamespace(nats=number / 3e14, tokens=4, mean=number / 12e14)


def stub(name: str, **holds: object) -> None:
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__dict__.update(holds)


if __name__ == "__main__":
    from slipway_pod import store
    from slipway_train_torch.evaluate import results, so_far

    so_far.EVERY_SECONDS, so_far.BYTES_PER_SECOND = float(os.environ.get("EVERY", "0")), math.inf
    if "PATIENCE" in os.environ:
        results.PATIENCE = timedelta(seconds=float(os.environ["PATIENCE"]))
        for opens in (store.open_store, store.open_uri):
            opens.__kwdefaults__["patience"] = timedelta(milliseconds=300)
    stub(
        "torch",
        cuda=SimpleNamespace(is_available=lambda: False),
        device=lambda kind: SimpleNamespace(type=kind),
        set_num_threads=lambda _: None,
    )
    stub("xllamacpp", CommonParams=Bag, CommonAdapterLoraInfo=Bag, Server=Server)
    stub("slipway_train_torch.evaluate.weights", load=load, adapted=adapted)
    stub("slipway_train_torch.evaluate.loss", held_out_loss=held_out_loss)
    runpy.run_module(sys.argv[1], run_name="__main__")
