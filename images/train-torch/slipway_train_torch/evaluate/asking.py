"""What does a model answer to tasks whose answers another container runs?"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from slipway.api.common import BlenderExecution
from slipway.contract.execution import REQUESTS, Answered, Request, Task
from slipway_train_torch.evaluate.executed import exchange
from slipway_train_torch.evaluate.files import Served
from slipway_train_torch.evaluate.generate import answers
from slipway_train_torch.evaluate.items import Item

log = logging.getLogger("slipway")


def ask(
    served: Served,
    tasks: Sequence[Task],
    items: Sequence[Item],
    metric: BlenderExecution,
    seed: int,
    threads: int,
    key: str,
) -> None:
    """Let `served` answer `tasks`, asked as `items`, and leave the answers to be run under `key`."""
    asked = tuple(item for item in items for _ in range(metric.samples))
    heat = float(metric.temperature) if metric.samples > 1 else 0.0
    said: list[str] = []
    for at, answer in enumerate(answers(served, asked, metric.max_new_tokens, seed, threads, heat), start=1):
        fault = f", {answer.error}" if answer.error else ""
        log.info("answer %d/%d: %d tokens%s%s", at, len(asked), answer.tokens, ", cut" if answer.cut else "", fault)
        said.append(answer.text)
    pieces = [tuple(said[at : at + metric.samples]) for at in range(0, len(said), metric.samples)]
    request = Request(
        timeout_seconds=metric.timeout_seconds,
        answered=tuple(Answered(task=task, answers=own) for task, own in zip(tasks, pieces, strict=True)),
    )
    folder = exchange() / REQUESTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{key}.json").write_text(request.model_dump_json(by_alias=True), encoding="utf-8")
