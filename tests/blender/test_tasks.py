"""Can each of the example's tasks be solved, and only by doing it?"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from slipway.contract.execution import Task
from slipway_formats.blend_pattern import check
from tests.blender.conftest import ROOT, Container

FOLDER = ROOT / "examples" / "blender-agent" / "tasks"


def collector() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collect_tasks", FOLDER / "collect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    """The tasks as they lie in the object store."""
    folder = tmp_path_factory.mktemp("tasks")
    collector().collect(folder)
    lines = (folder / "tasks" / "tasks.jsonl").read_text().splitlines()
    found = [Task.model_validate_json(line) for line in lines]
    assert len({task.id for task in found}) == len(found) >= 40
    for task in found:
        check(task.expect)
    return found


def test_every_solution_solves_its_task(container: Container, tasks: list[Task]) -> None:
    found = container.judge(*((task, task.solution) for task in tasks))
    wrong = {
        task.id: f"{verdict.fault}: {verdict.why}"
        for task, verdict in zip(tasks, found, strict=True)
        if verdict.layer != "AsAsked"
    }
    assert not wrong


def test_doing_nothing_solves_none(container: Container, tasks: list[Task]) -> None:
    found = container.judge(*((task, "import bpy") for task in tasks))
    assert [task.id for task, verdict in zip(tasks, found, strict=True) if verdict.layer == "AsAsked"] == []


def test_the_raw_data_is_what_the_image_runs() -> None:
    from slipway.contract.execution import BLENDER

    text = Path(ROOT, "examples", "blender-agent", "dataset", "collect.py").read_text()
    assert f'VERSION = "{BLENDER}"' in text
