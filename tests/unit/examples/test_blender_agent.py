"""Do the Blender agent's files say the same thing, and is its raw data what the pinned package holds?"""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from slipway.api.dataset import DatasetSpec
from slipway.api.rollout import RolloutSpec
from slipway.api.trainingjob import TrainingJobSpec
from slipway.contract.artifact import digest
from slipway.contract.execution import Task
from slipway_formats.blend_pattern import check
from slipway_pod.artifact import describe

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "blender-agent"
MODELS = {"Dataset": DatasetSpec, "TrainingJob": TrainingJobSpec, "Rollout": RolloutSpec}


def script(part: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"collect_{part}", EXAMPLE / part / "collect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(name: str) -> Any:
    return yaml.safe_load((EXAMPLE / name).read_text())


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLE.glob("*.yaml") if path.name != "namespace.yaml"))
def test_the_api_takes_it(name: str) -> None:
    manifest = document(name)
    MODELS[manifest["kind"]].model_validate(manifest["spec"])
    assert manifest["metadata"]["namespace"] == document("namespace.yaml")["metadata"]["name"]


def test_the_run_is_judged_on_the_tasks_of_this_folder(tmp_path: Path) -> None:
    count = script("tasks").collect(tmp_path)
    metrics = {one["name"]: one["measure"] for one in document("training.yaml")["spec"]["evaluation"]["metrics"]}
    wanted = metrics["tasks-solved"]["blenderExecution"]["tasks"]["digest"]
    assert digest(describe(tmp_path / "tasks")) == wanted, "put this digest into training.yaml"
    lines = (tmp_path / "tasks" / "tasks.jsonl").read_text().splitlines()
    assert len(lines) == count >= 40
    for line in lines:
        check(Task.model_validate_json(line).expect)


def test_the_dataset_is_kept_clear_of_the_tasks(tmp_path: Path) -> None:
    script("tasks").collect(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "held-out" / "held-out.jsonl").read_text().splitlines()]
    assert all([turn["role"] for turn in row["messages"]] == ["user", "assistant"] for row in rows)
    for name in ("dataset.yaml", "dataset-scripts.yaml"):
        steps = [step for step in document(name)["spec"]["steps"] if "decontaminate" in step]
        assert steps == [{"decontaminate": {"against": ["s3://slipway/raw/blender-held-out/"]}}]


def test_blenders_own_sources_are_taken_and_nothing_else(tmp_path: Path) -> None:
    collect = script("dataset")
    cache, target = tmp_path / "cache", tmp_path / "raw"
    cache.mkdir()
    target.mkdir()
    (target / "old.py").write_text("old")
    with zipfile.ZipFile(cache / f"bpy-{collect.VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl", "w") as wheel:
        wheel.writestr("bpy/4.5/scripts/startup/bl_ui/space.py", "import bpy\n")
        wheel.writestr("bpy/4.5/scripts/addons_core/rig/make.py", "import bpy\nA = 1\n")
        wheel.writestr("bpy/4.5/scripts/addons_core/rig/tests/test_make.py", "import bpy\n")
        wheel.writestr("bpy/4.5/datafiles/logo.py", "")
        wheel.writestr("bpy/4.5/scripts/presets/x.txt", "")
        wheel.writestr("bpy/__init__.so", b"")
    assert collect.collect(target, cache) == 2
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == ["NOTICE", "addons_core/rig/make.py", "startup/bl_ui/space.py"]
    assert "GPL-3.0-or-later" in (target / "NOTICE").read_text()
