"""Which tasks is a model given, and how are they asked?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from slipway.api.common import BlenderExecution
from slipway.contract.execution import Task
from slipway_formats.blend_pattern import BadPattern, check
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import LEAST, Item, choose, read


def chosen_tasks(folder: Path, metric: BlenderExecution) -> tuple[Task, ...]:
    """Return the tasks below `folder` that `metric` asks for; raise BadData where one is no task, with its line."""
    found: dict[str, Task] = {}
    for where, task in _read(folder):
        if task.id in found:
            raise BadData("DuplicateTask", f"{where}: there is another task {task.id}: ids are unique in all files")
        found[task.id] = task
    if len(found) < LEAST:
        raise BadData(
            "TooFewTasks",
            f"{metric.tasks.uri} has {len(found)} tasks in files *.jsonl, a figure needs at least {LEAST}: push more",
        )
    picked = choose((Item(task.id, task.group or task.id) for task in found.values()), metric.max_examples)
    return tuple(found[item.id] for item in picked)


def as_items(tasks: tuple[Task, ...], data: Path) -> tuple[Item, ...]:
    """Return `tasks` as they are asked: in the schema that the model was trained on, which prepared `data` shows."""
    shown = next(read(data, "test"), None)
    if shown is None:
        raise BadData("TestSplitTooSmall", "the test split of the dataset has no rows: raise split.testPercent")
    return tuple(_chat(task) if shown.chat else Item(task.id, task.group, prompt=f"{task.prompt}\n") for task in tasks)


def _chat(task: Task) -> Item:
    system = (("system", task.system),) if task.system else ()
    return Item(task.id, task.group, (*system, ("user", task.prompt), ("assistant", "")))


def _read(folder: Path) -> Iterator[tuple[str, Task]]:
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                where = f"{path.relative_to(folder)}, line {number}"
                if line.strip():
                    yield where, _task(line, where)


def _task(line: bytes, where: str) -> Task:
    try:
        task = Task.model_validate_json(line)
        check(task.expect)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise BadData("NoTask", f"{where}: {field}: {first['msg']}") from error
    except BadPattern as error:
        raise BadData("NoTask", f"{where}: {error}") from error
    return task
