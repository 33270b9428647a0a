"""Nobody picks the questions, and a run is a success only where it shows what was promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from e2e.example import questions, show
from e2e.example.ask import Post, Said
from e2e.example.cast import BLENDER, BLUEPRINT
from e2e.example.layers import reached
from e2e.example.questions import Judged, asked_and_judged, conversation, first_rows, first_tasks
from e2e.example.results import Item
from e2e.example.table import Row
from e2e.example.verdict import checks
from slipway.contract.execution import Task, Verdict

TASKS = [Task(id=f"task-{n}", prompt=f"Add {n} cubes.", expect={"objects": []}) for n in range(6)]
LINES = "".join(f"{task.model_dump_json(by_alias=True)}\n" for task in TASKS)
ITEMS = [Item(f"task-{n}", {}, {}) for n in (4, 1, 0, 2, 3, 5)]
CUBE = "import bpy\n" + "bpy.ops.mesh.primitive_cube_add()\n" * 20
KNOT = 'Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="A_0"\nEnd Object'


def answering(text: str, seen: list[Any]) -> Post:
    def post(body: Any) -> tuple[Any, str]:
        seen.append(body["messages"])
        return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}, "v"

    return post


def test_tasks_are_the_first_of_the_evaluation() -> None:
    assert [task.id for task in first_tasks(LINES, ITEMS, 3)] == ["task-4", "task-1", "task-0"]


def test_a_task_is_asked_under_its_system_prompt() -> None:
    assert [turn["role"] for turn in conversation(TASKS[0])] == ["system", "user"]
    assert [turn["role"] for turn in conversation(TASKS[0].model_copy(update={"system": ""}))] == ["user"]


def test_rows_are_asked_without_the_answer_and_only_where_it_may_be_as_long() -> None:
    def row(name: str, length: int) -> list[dict[str, str]]:
        return [{"role": "user", "content": name}, {"role": "assistant", "content": "x" * length}]

    found = first_rows([row("a", 10), row("long", 5000), row("b", 10), row("c", 10), row("d", 10)], BLUEPRINT)
    assert [[turn["content"] for turn in one] for one in found] == [["a"], ["b"], ["c"]]


def test_blender_answers_are_judged_by_what_became_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = replace(BLENDER, questions=2)
    monkeypatch.setattr(questions, "BLENDER", example)
    monkeypatch.setattr(type(example), "out", property(lambda _: tmp_path))
    (tmp_path / questions.TASKS).parent.mkdir(parents=True)
    (tmp_path / questions.TASKS).write_text(LINES)
    ran: list[Any] = []

    def verdicts(_: Any, namespace: str, image: str, answered: Any) -> list[Verdict]:
        ran.append((namespace, image, [(task.id, text) for task, text in answered]))
        return [Verdict(layer="AsAsked"), Verdict(layer="NamesExist", fault="Raised", why="line 2: no")]

    monkeypatch.setattr(questions.sandbox, "verdicts", verdicts)
    seen: list[Any] = []
    found = asked_and_judged(
        None,
        example,
        None,
        {"eval-blender": "image"},
        ITEMS,
        answering(CUBE, seen),  # type: ignore[arg-type]
    )
    assert ran == [(BLENDER.namespace, "image", [("task-4", CUBE), ("task-1", CUBE)])]
    assert [(sum(one.layers.values()), one.why) for one in found] == [(5, ""), (3, "line 2: no")]
    assert [messages[-1]["content"] for messages in seen] == ["Add 4 cubes.", "Add 1 cubes."]


def test_blueprint_answers_are_judged_by_reading_them(monkeypatch: pytest.MonkeyPatch) -> None:
    row = [{"role": "user", "content": "a knot"}, {"role": "assistant", "content": KNOT}]
    monkeypatch.setattr(questions, "answered_rows", lambda *_: [row])
    good = asked_and_judged(None, BLUEPRINT, None, {}, [], answering(KNOT, []))  # type: ignore[arg-type]
    bad = asked_and_judged(None, BLUEPRINT, None, {}, [], answering("Sure!", []))  # type: ignore[arg-type]
    assert [all(one.layers.values()) for one in (*good, *bad)] == [True, False]
    assert "expected Begin Object" in bad[0].why


def judged(version: str = BLENDER.version, layer: str = "Runs") -> Judged:
    return Judged(Said("Add a cube.", CUBE, False, version, 1.5), reached(layer, CUBE), "no cube")


@pytest.mark.parametrize(
    ("row", "answers", "held"),
    [
        (Row("NamesExist", 40, 3, 23, 30, 65), [judged()], [True, True, True]),
        (Row("Runs", 40, 0, 5, 2, 25), [judged()], [True, True]),
        (Row("Runs", 40, 0, 2, -3, 15), [judged()], [False, True]),
        (Row("NamesExist", 40, 3, 9, 1, 30), [judged()], [False, True, True]),
        (Row("NamesExist", 8, 3, 6, -5, 70), [judged()], [True, False, True]),
        (Row("NamesExist", 40, 3, 23, 30, 65), [judged(), judged("blender-agent-0.9.0")], [True, True, False]),
        (Row("NamesExist", 40, 3, 23, 30, 65), [], [True, True, False]),
    ],
)
def test_a_run_shows_what_was_promised_or_says_what_not(row: Row, answers: list[Judged], held: list[bool]) -> None:
    other = Row("Compiles", 40, 40, 40, -5, 5)
    assert [check.held for check in checks(BLENDER, [other, row], answers)] == held


def test_people_see_questions_answers_and_why() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(show.answers([judged(), judged(layer="Nothing")]))
    console.print(show.checked(list(checks(BLENDER, [Row("NamesExist", 40, 3, 9, 1, 30)], [judged()]))))
    text = console.export_text()
    assert text.count("? Add a cube.") == 2
    assert text.count("primitive_cube_add") == 2 * (show.LINES - 1)
    assert "→ Compiles, UsesBlender, NamesExist, Runs; no cube (1.5 s)" in text
    assert "→ nothing holds; no cube" in text
    assert "✗ 20 points more in NamesExist" in text
    assert "✓ surely more in NamesExist" in text
