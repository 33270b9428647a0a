"""Are the Blender agent's short scripts Python, the same each time, and made of what the API has?"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from slipway.contract.execution import SYSTEM

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "examples" / "blender-agent" / "scripts"
SHAPES = ("cube", "uv_sphere", "ico_sphere", "cylinder", "cone", "torus", "plane", "grid", "circle", "monkey")
CURVES = ("bezier_curve", "bezier_circle", "nurbs_path", "nurbs_circle")
OPERATOR = """
class {name}(bpy.ops._BPyOpsSubModOp):
    def __new__(cls, /, *, size: float | None = 2.0, vertices: int | None = 8, calc: bool | None = True) -> None: ...
"""
LIMITS = "".join(
    f"\nclass Limit{what}Constraint(Constraint):\n    min_x: float\n    max_z: float\n    use_min_x: bool\n"
    for what in ("Location", "Rotation", "Scale")
)
TYPES = f'''
class bpy_prop_collection[T]:
    def get[K](self, key: K) -> T: ...
class BevelModifier(Modifier, bpy_struct):
    affect: typing.Literal["VERTICES", "EDGES"]
    segments: int
    """ Number of segments"""
    width: float
    vertex_group: str
class ArrayModifier(Modifier):
    count: int
class SolidifyModifier(Modifier):
    thickness: float
class RenderSettings(bpy_struct):
    fps: int
    resolution_x: int
class ShaderNodeEmission(ShaderNode): ...
class ShaderNodeTexNoise(ShaderNode): ...
{LIMITS}
'''
MODIFIERS = ["BEVEL", "ARRAY", "SOLIDIFY", "DECIMATE", "SUBSURF", "TRIANGULATE", "WIREFRAME"]
CONSTRAINTS = ["TRACK_TO", "COPY_LOCATION", "LIMIT_LOCATION", "LIMIT_ROTATION", "LIMIT_SCALE"]


def enumeration(name: str, items: list[str]) -> str:
    lines = "".join(f'    "{item}",  # {item.title().replace("_", " ")}.Does something.\n' for item in items)
    return f"type {name} = typing.Literal[\n{lines}]\n"


@pytest.fixture(scope="module")
def collect() -> Iterator[ModuleType]:
    before = set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("collect_scripts", SCRIPTS / "collect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPTS))
    for name in {"api", "drawn", "objects", "modifiers", "materials", "scenes"} - before:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def cache(collect: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cache")
    enums = enumeration("ObjectModifierTypeItems", MODIFIERS) + enumeration("ConstraintTypeItems", CONSTRAINTS)
    mesh = "".join(OPERATOR.format(name=f"primitive_{shape}_add") for shape in SHAPES)
    curve = "".join(OPERATOR.format(name=f"primitive_{shape}_add") for shape in CURVES)
    files = {"types": TYPES, "stub_internal/rna_enums": enums, "ops/mesh": mesh, "ops/curve": curve}
    with zipfile.ZipFile(folder / f"fake_bpy_module_4_5-{collect.VERSION}-py3-none-any.whl", "w") as wheel:
        for name in files | {"ops/object": "", "ops/surface": ""}:
            wheel.writestr(f"bpy-stubs/{name}/__init__.pyi", files.get(name, ""))
    return folder


@pytest.fixture(scope="module")
def rows(collect: ModuleType, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, str]]]:
    target = tmp_path_factory.mktemp("scripts") / "made"
    count = collect.collect(target, cache)
    assert sorted(path.name for path in target.iterdir()) == ["NOTICE", "scripts.jsonl"]
    found = [json.loads(line)["messages"] for line in (target / "scripts.jsonl").read_text().splitlines()]
    assert len(found) == count > 1000
    return found


def test_every_script_is_short_python_that_imports_blender(rows: list[list[dict[str, str]]]) -> None:
    for system, asked, answer in rows:
        assert system == {"role": "system", "content": SYSTEM}
        assert asked["content"].endswith(".")
        module = ast.parse(answer["content"])
        imported = {alias.name for node in module.body if isinstance(node, ast.Import) for alias in node.names}
        assert "bpy" in imported
        used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)} & {"math", "bmesh"}
        assert used == imported - {"bpy"}, answer["content"]
        assert len(answer["content"]) < 900


def test_no_request_comes_twice(rows: list[list[dict[str, str]]]) -> None:
    asked = [row[1]["content"] for row in rows]
    assert len(set(asked)) == len(asked)


def test_the_same_package_makes_the_same_scripts(collect: ModuleType, cache: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        collect.collect(tmp_path / name, cache)
    assert (tmp_path / "one" / "scripts.jsonl").read_bytes() == (tmp_path / "two" / "scripts.jsonl").read_bytes()


def test_modifiers_have_the_settings_of_their_class(rows: list[list[dict[str, str]]]) -> None:
    code = "\n".join(row[2]["content"] for row in rows if '"BEVEL"' in row[2]["content"])
    assert "mod.segments = " in code
    assert "mod.width = " in code
    assert "mod.count" not in code
    assert "vertex_group" not in code


def test_it_teaches_under_the_judges_release_of_the_api(collect: ModuleType) -> None:
    lock = (ROOT / "images" / "eval-blender" / "requirements.lock").read_text()
    assert f"fake-bpy-module-4-5=={collect.VERSION}" in lock
    assert all(f"--hash={one}" in lock for one in collect.HASHES)
