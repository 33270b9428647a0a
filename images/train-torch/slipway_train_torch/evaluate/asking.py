"""What does a model answer to tasks whose answers another container runs?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipway.api.common import BlenderExecution
from slipway.contract.execution import REQUESTS, Answered, Request, Task
from slipway_train_torch.evaluate.executed import exchange
from slipway_train_torch.evaluate.files import Served
from slipway_train_torch.evaluate.generate import figures
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.results import Figure


def asked(items: Sequence[Item], metric: BlenderExecution) -> tuple[Item, ...]:
    """Return what is asked, in order: each of `items` as often as `metric` takes samples."""
    return tuple(item for item in items for _ in range(metric.samples))


def said(
    served: Served, items: Sequence[Item], metric: BlenderExecution, seed: int, threads: int, done: int
) -> Iterator[Figure]:
    """Yield what `served` answers to each of `items`, as they are asked, after the first `done`, as figures."""
    heat = float(metric.temperature) if metric.samples > 1 else 0.0
    return figures(served, items, metric.max_new_tokens, seed, threads, done, heat)


def leave(tasks: Sequence[Task], answered: Sequence[Figure], metric: BlenderExecution, key: str) -> None:
    """Leave what was `answered` to each of `tasks` to be run, under `key`."""
    texts = [str(figure.note["answer"]) for figure in answered]
    pieces = [tuple(texts[at : at + metric.samples]) for at in range(0, len(texts), metric.samples)]
    request = Request(
        timeout_seconds=metric.timeout_seconds,
        answered=tuple(Answered(task=task, answers=own) for task, own in zip(tasks, pieces, strict=True)),
    )
    folder = exchange() / REQUESTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{key}.json").write_text(request.model_dump_json(by_alias=True), encoding="utf-8")
