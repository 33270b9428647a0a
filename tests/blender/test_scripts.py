"""Do the names in the Blender agent's short scripts exist, and do the scripts run, in the release that judges?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.contract.execution import Task
from slipway.contract.execution import Verdict as Judged
from tests.blender.conftest import ROOT, Container, task

SCRIPTS = ROOT / "examples" / "blender-agent" / "scripts"
MAKE = """
import json, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from api import Api
from collect import lessons
folder = Path(sys.argv[2])
wanted = ("types", "stub_internal/rna_enums", "ops/mesh", "ops/object", "ops/curve", "ops/surface")
api = Api({name: (folder / "bpy-stubs" / name / "__init__.pyi").read_text() for name in wanted})
found = list(lessons(api))
print(json.dumps([[one.asked, one.code] for one in found]))
"""
EVERY = 40


@pytest.fixture(scope="module")
def lessons(python: Path) -> list[tuple[str, str]]:
    """Every request with its script, made from the stubs that the judge has."""
    where = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    command = [sys.executable, "-c", MAKE, str(SCRIPTS), where]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [(asked, code) for asked, code in json.loads(said)]


def alone(code: str) -> bool:
    """Tell whether a script needs nothing that is in the scene before."""
    return "bpy.data.objects[" not in code and "bpy.context.scene.camera" not in code and "scene.world" not in code


def test_scripts_that_need_no_scene_run(container: Container, lessons: list[tuple[str, str]]) -> None:
    chosen = [(asked, code) for asked, code in lessons if alone(code) and "obj = bpy.context.object" not in code]
    picked = chosen[::EVERY]
    assert len(picked) > 10
    made: list[tuple[Task, str]] = [(task(f"lesson-{at}", expect={}), code) for at, (_, code) in enumerate(picked)]
    found: list[Judged] = container.judge(*made)
    wrong = {
        asked: f"{verdict.fault}: {verdict.why}"
        for (asked, _), verdict in zip(picked, found, strict=True)
        if verdict.layer != "AsAsked"
    }
    assert not wrong
