"""Are tasks read with care, and verdicts counted without bias?"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from slipway.api.common import BlenderExecution
from slipway.contract.execution import BLENDER, SYSTEM, VERDICTS, Task, Verdict, Verdicts
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.evaluate.executed import figures, pass_at
from slipway_train_torch.evaluate.tasks import as_items, chosen_tasks
from tests.unit.evaluate.test_items import Item, write

REF = {"uri": "s3://slipway/tasks/", "digest": "sha256:" + "a" * 64}


def metric(**of: Any) -> BlenderExecution:
    return BlenderExecution.model_validate({"tasks": REF, **of})


def lines(folder: Path, *tasks: dict[str, Any], name: str = "tasks.jsonl") -> Path:
    (folder / name).write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return folder


def task(id: str = "a", **of: Any) -> dict[str, Any]:
    return {"id": id, "prompt": f"Do {id}.", "expect": {"objects": [{"type": "MESH"}]}, **of}


def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_answer() -> None:
    for samples in range(1, 7):
        for right in range(samples + 1):
            answers = [True] * right + [False] * (samples - right)
            for k in range(1, samples + 1):
                draws = list(itertools.combinations(answers, k))
                assert pass_at(samples, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_tasks_of_all_files_are_chosen_the_same_every_time(tmp_path: Path) -> None:
    lines(tmp_path, *(task(f"t{at}") for at in range(6)))
    lines(tmp_path, *(task(f"u{at}") for at in range(6)), name="more.jsonl")
    first = chosen_tasks(tmp_path, metric(max_examples=5))
    assert len(first) == 5
    assert chosen_tasks(tmp_path, metric(max_examples=5)) == first
    assert {one.id for one in first} < {one.id for one in chosen_tasks(tmp_path, metric(max_examples=12))}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"id": "b"}, "tasks.jsonl, line 2: prompt: Field required"),
        (task("b", expext={}), "line 2: expext: Extra inputs are not permitted"),
        (task("b", expect={}), "line 2: expect is empty: every file would do"),
        (
            task("b", expect={"object": []}),
            "line 2: expect.object: no such field; there are blender, scene, scenes, ob",
        ),
        (task("b", expect={"objects": [{"modifier": []}]}), "line 2: expect.objects[0].modifier: no such field"),
        (task("b", expect={"objects": {"type": "MESH"}}), "line 2: expect.objects: write a list of Object patterns"),
        (task("B"), "line 2: id: "),
    ],
)
def test_what_is_no_task_is_told_with_its_line(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadData) as caught:
        chosen_tasks(lines(tmp_path, task(), wrong), metric())
    assert caught.value.reason == "NoTask"
    assert says in caught.value.message


def test_too_few_tasks_and_ids_that_come_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"s3://slipway/tasks/ has 1 tasks in files \*\.jsonl"):
        chosen_tasks(lines(tmp_path, task()), metric())
    with pytest.raises(BadData, match="line 2: there is another task a: ids are unique"):
        chosen_tasks(lines(tmp_path, task(), task()), metric())


def test_tasks_are_asked_in_the_schema_of_the_data(tmp_path: Path) -> None:
    tasks = tuple(Task.model_validate(one) for one in (task("a"), task("b", system="")))
    with pytest.raises(BadData, match="no rows"):
        as_items(tasks, tmp_path)
    write(tmp_path, [Item("r", "g", (("user", "?"), ("assistant", "!")))])
    first, second = as_items(tasks, tmp_path)
    assert first.question == (("system", SYSTEM), ("user", "Do a."))
    assert second.question == (("user", "Do b."),)


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(tmp_path))
    (tmp_path / VERDICTS).mkdir()
    return tmp_path


def test_verdicts_become_figures_with_their_reasons(exchange: Path) -> None:
    good, bad = Verdict(layer="AsAsked", answer="x"), Verdict(layer="Runs", fault="NotAsAsked", why="no cube")
    made = Verdicts(blender=BLENDER, judged=(("a", (good, bad, bad)), ("b", (bad, bad, bad))))
    (exchange / VERDICTS / "k.json").write_text(made.model_dump_json(by_alias=True))
    tasks = [Task.model_validate(one) for one in (task("b", group="hard"), task("a"))]
    second, first = figures(metric(samples=3, pass_at=2), tasks, "k")
    assert (first.id, first.group, first.amount, first.weight) == ("a", "a", pytest.approx(2 / 3), 1.0)
    assert (second.id, second.group, second.amount) == ("b", "hard", 0.0)
    assert first.note["right"] == 1
    assert first.note["answers"][1]["why"] == "no cube"


def test_missing_and_foreign_verdicts_are_said(exchange: Path) -> None:
    with pytest.raises(BadConfig, match="nothing ran the answers"):
        list(figures(metric(), [], "k"))
    (exchange / VERDICTS / "k.json").write_text(Verdicts(blender="2.79", judged=()).model_dump_json(by_alias=True))
    with pytest.raises(BadConfig, match=r"answers ran in Blender 2\.79, this image was made for"):
        list(figures(metric(), [], "k"))
