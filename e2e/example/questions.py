"""Which questions is the served model asked at the end, and how good are its answers?

Held-out ones, the first of those that the evaluation took or that the test split has: nobody picks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.base import Cluster
from e2e.demo.prompts import Conversation, answered_rows
from e2e.demo.tape import Tape
from e2e.example import sandbox
from e2e.example.ask import Post, Said, ask
from e2e.example.cast import BLENDER, Example
from e2e.example.layers import Layers, of_verdict, reached
from e2e.example.results import Item
from slipway.contract.execution import Task
from slipway_train_torch.evaluate.classes import classes
from slipway_train_torch.evaluate.items import CHARACTERS_PER_TOKEN
from slipway_train_torch.evaluate.validity import judge

TASKS = Path("judged", "tasks", "tasks.jsonl")


@dataclass(frozen=True)
class Judged:
    """A question, what the served model said, which layers that passes, and what is wrong with it."""

    said: Said
    layers: Layers
    why: str


def asked_and_judged(
    cluster: Cluster, example: Example, tape: Tape, images: Mapping[str, str], items: Sequence[Item], post: Post
) -> list[Judged]:
    """Ask the questions of `example` and judge the answers; raise NotAnswered or NotRun where that fails."""
    if example is BLENDER:
        tasks = first_tasks((example.out / TASKS).read_text(encoding="utf-8"), items, example.questions)
        said = [ask(post, example, conversation(task)) for task in tasks]
        answered = [(task, one.text) for task, one in zip(tasks, said, strict=True)]
        ran = sandbox.verdicts(cluster, example.namespace, images["eval-blender"], answered)
        return [Judged(one, reached(v.layer, one.text), v.why) for one, v in zip(said, ran, strict=True)]
    rows = answered_rows(cluster, tape)
    known = classes(row[-1]["content"] for row in (*answered_rows(cluster, tape, "train"), *rows))
    asked = first_rows(rows, example)
    return [_of_blueprint(ask(post, example, one), known) for one in asked]


def first_tasks(lines: str, items: Sequence[Item], count: int) -> list[Task]:
    """Return the tasks of the first `count` items of an evaluation."""
    tasks = {task.id: task for task in map(Task.model_validate_json, filter(None, lines.split("\n")))}
    return [tasks[item.id] for item in items[:count]]


def conversation(task: Task) -> Conversation:
    """Return how a task is asked, as in an evaluation."""
    system = [{"role": "system", "content": task.system}] if task.system else []
    return [*system, {"role": "user", "content": task.prompt}]


def first_rows(rows: Sequence[Conversation], example: Example) -> list[Conversation]:
    """Return the first conversations, without the answer that is wanted, of those whose answer may be that long."""
    most = example.answer_tokens * CHARACTERS_PER_TOKEN
    fit = [row for row in rows if row[-1]["role"] == "assistant" and len(row[-1]["content"]) <= most]
    return [list(row[:-1]) for row in fit[: example.questions]]


def _of_blueprint(said: Said, known: frozenset[str]) -> Judged:
    verdict = judge(said.text, known, cut=said.cut)
    return Judged(said, of_verdict(verdict), verdict.why)
