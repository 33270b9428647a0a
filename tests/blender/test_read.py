"""Does a Dataset of real .blend files come out of the three containers, whatever lies among them?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from e2e.setup import blender
from slipway.contract.blends import DESCRIBED, FILES, TAKEN
from slipway.contract.execution import Task
from slipway.contract.job import PrepareDataset, Store
from slipway.contract.result import Failed, Prepared, parse_result
from tests.blender.conftest import ROOT, Container

MAKE = """
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add()
cube = bpy.context.object
bevel = cube.modifiers.new("Edges", "BEVEL")
bevel.width, bevel.segments = 0.25, 4
cube.modifiers.new("Smooth", "SUBSURF").levels = 2
stone = bpy.data.materials.new("Stone")
stone.use_nodes = True
nodes, links = stone.node_tree.nodes, stone.node_tree.links
noise, mix = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeMix")
noise.inputs["Scale"].default_value = 8.5
mix.data_type = "RGBA"
links.new(noise.outputs["Fac"], mix.inputs[0])
ramp = nodes.new("ShaderNodeValToRGB")
ramp.color_ramp.elements.new(0.5).color = (1, 0, 0, 1)
links.new(mix.outputs[2], nodes["Principled BSDF"].inputs["Base Color"])
nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9
cube.data.materials.append(stone)
bpy.ops.object.light_add(type="SPOT", location=(1, 2, 3), rotation=(0.5, 0, 0))
bpy.context.object.name, bpy.context.object.data.energy = "Lamp", 750
bpy.ops.object.camera_add(location=(0, -8, 2))
bpy.context.object.data.lens = 35
for name in ("Set", "Actors"):
    bpy.context.scene.collection.children.link(bpy.data.collections.new(name))
group = bpy.data.node_groups.new("Lifter", "GeometryNodeTree")
group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
lift = group.nodes.new("GeometryNodeSetPosition")
lift.inputs["Offset"].default_value = (0, 0, 2)
group.links.new(start.outputs[0], lift.inputs["Geometry"])
group.links.new(lift.outputs["Geometry"], end.inputs[0])
group.use_fake_user = True
import sys
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""


@pytest.fixture(scope="session")
def scene(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .blend file with one of everything, saved by Blender."""
    path = tmp_path_factory.mktemp("scene") / "scene.blend"
    subprocess.run([str(python), "-c", MAKE, str(path)], check=True, capture_output=True)
    return path


class Pod:
    """The pod of a Dataset of .blend files in a folder."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.raw = folder / "store" / "slipway" / "raw"
        self.raw.mkdir(parents=True)

    def run(self, reader: tuple[str, ...] = ("-m", "slipway_eval_blender.read"), **quality: Any) -> Prepared | Failed:
        steps = [{"parse": {"as": "Blend"}}]
        job = PrepareDataset(
            namespace="tests",
            name="blends",
            store=Store(endpoint=f"file://{self.folder / 'store'}", bucket="slipway"),
            source={"objectStore": {"uri": "s3://slipway/raw/"}},
            schema="Chat",
            steps=steps,
            split={"trainPercent": 100, "validationPercent": 0, "testPercent": 0},
            quality={"maxRejectedPercent": 100, **quality},
        )
        (self.folder / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
        own = ("operator", "images/common", "images/data")
        self.container((sys.executable, "-m", "slipway_data.blends"), own)
        self.container((str(self.python), *reader), ("operator", "images/common", "images/eval-blender"))
        self.container((sys.executable, "-m", "slipway_data"), own, check=False)
        result = parse_result((self.folder / "termination").read_text())
        assert isinstance(result, Prepared | Failed)
        return result

    def container(self, command: tuple[str, ...], packages: tuple[str, ...], check: bool = True) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(ROOT / package) for package in packages),
            "SLIPWAY_JOB": str(self.folder / "job.json"),
            "SLIPWAY_TERMINATION_LOG": str(self.folder / "termination"),
            "SLIPWAY_EXCHANGE": str(self.folder / "exchange"),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
        }
        (self.folder / "exchange").mkdir(exist_ok=True)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or ran.returncode == 0, ran.stderr

    def published(self, result: Prepared) -> Path:
        return self.folder / "store" / result.artifact.uri.removeprefix("s3://")

    def rows(self, result: Prepared) -> dict[str, str]:
        """Return the answer of every row by its id."""
        found: dict[str, str] = {}
        for path in sorted((self.published(result) / "train").glob("*.parquet")):
            found |= {row["id"]: row["messages"][-1]["content"] for row in pyarrow.parquet.read_table(path).to_pylist()}
        return found

    def rejected(self, result: Prepared) -> dict[str, dict[str, str]]:
        lines = (self.published(result) / "rejected.jsonl").read_text().splitlines()
        return {entry["id"]: entry for entry in map(json.loads, lines)}


@pytest.fixture
def pod(python: Path, tmp_path: Path) -> Pod:
    return Pod(python, tmp_path)


def test_what_is_no_blend_or_broken_is_told_and_the_good_file_is_kept(pod: Pod, scene: Path) -> None:
    content = scene.read_bytes()
    (pod.raw / "good.blend").write_bytes(content)
    (pod.raw / "text.blend").write_text("I am a letter.")
    (pod.raw / "empty.blend").write_bytes(b"")
    (pod.raw / "magic.blend").write_bytes(b"BLENDER-v405")
    (pod.raw / "half.blend").write_bytes(content[: len(content) // 2])
    (pod.raw / "wild.blend").write_bytes(content[:100_000] + b"\xff" * 5000 + content[105_000:])
    (pod.raw / "notes.txt").write_text("not a blend")
    result = pod.run()
    assert isinstance(result, Prepared)
    rejected, rows = pod.rejected(result), pod.rows(result)
    names = {id.partition("#")[0] for id in rows}
    assert "good.blend" in names
    for name in ("text.blend", "empty.blend", "magic.blend"):
        assert rejected[name]["reason"] == "UnreadableFile", rejected
        assert rejected[name]["message"].startswith("it is not read: ")
    assert "no .blend by its name" in rejected["notes.txt"]["message"]
    assert {"half.blend", "wild.blend"} <= names | set(rejected), "each is read as far as it goes, or told"


BUT_ONE = """
from slipway.contract.job import PrepareDataset
from slipway_eval_blender import read
from slipway_pod.run import main
plain, left = read.describe, [1]

def describe(*arguments):
    assert left.pop(), "one file changed"
    return plain(*arguments)

read.describe = describe
main(read.read, PrepareDataset)
"""
"""A container that can ask Blender once."""


def test_blender_is_asked_of_files_that_it_does_not_know(pod: Pod, scene: Path, python: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.blend"
    subprocess.run([str(python), "-c", MAKE.replace("Stone", "Sand"), str(other)], check=True, capture_output=True)
    for name, file in (("a", scene), ("b", scene), ("c", other)):
        (pod.raw / f"{name}.blend").write_bytes(file.read_bytes())
    first = pod.run()
    assert isinstance(first, Prepared)
    (pod.raw / "b.blend").write_bytes(scene.read_bytes()[:-1])  # of other bytes, and the same to Blender or broken
    shutil.rmtree(pod.folder / "exchange")
    second = pod.run(("-c", BUT_ONE))
    assert isinstance(second, Prepared)
    assert [path.name for path in (pod.folder / "exchange" / TAKEN).iterdir()] in (["0", "2"], ["2", "0"])
    [kept] = (pod.folder / "store").glob("**/parsed-rows")
    shutil.rmtree(kept)
    shutil.rmtree(pod.folder / "exchange")
    third = pod.run()
    assert isinstance(third, Prepared)
    assert third.artifact.digest == second.artifact.digest
    assert not list((pod.folder / "exchange" / TAKEN).iterdir())


def test_every_script_makes_in_blender_what_it_was_read_from(pod: Pod, scene: Path, container: Container) -> None:
    (pod.raw / "scene.blend").write_bytes(scene.read_bytes())
    result = pod.run()
    assert isinstance(result, Prepared)
    rows = {id.partition("#")[2]: code for id, code in pod.rows(result).items()}
    assert set(rows) == {
        "material-Stone",
        "group-Lifter",
        "light-Lamp",
        "camera-Camera",
        "mesh-Cube",
        "modifiers-Cube",
        "collections",
    }
    [file] = (pod.folder / "exchange" / DESCRIBED).glob("*.json")
    blend = json.loads(file.read_text())
    kept = {"name", "type", "settings", "inputs", "data", "location", "rotation", "modifiers"}
    expected = {
        "material-Stone": {"materials": [_tree(blend["materials"][0])]},
        "group-Lifter": {"nodeGroups": [_tree(blend["nodeGroups"][0])]},
        "collections": {"collections": [{"name": "Set"}, {"name": "Actors"}]},
    }
    for name in ("Lamp", "Camera", "Cube"):
        [thing] = [one for one in blend["objects"] if one["name"] == name]
        own = {key: value for key, value in thing.items() if key in kept - ({"data"} if name == "Cube" else set())}
        own = {key: value for key, value in own.items() if name != "Cube" or key in ("name", "modifiers")}
        script = {"Lamp": "light-Lamp", "Camera": "camera-Camera", "Cube": "modifiers-Cube"}[name]
        expected[script] = {"objects": [_plain(own)]}
    tasks = []
    for name, wanted in expected.items():
        before = "import bpy\nbpy.ops.mesh.primitive_cube_add()" if name == "modifiers-Cube" else ""
        id = name.lower()
        tasks.append((Task(id=id, prompt="-", before=before, expect=_snake(wanted)), rows[name]))
    for (task, code), verdict in zip(tasks, container.judge(*tasks), strict=True):
        assert verdict.layer == "AsAsked", (task.id, verdict.why, code)


def test_the_files_that_blender_ships_are_read(pod: Pod, python: Path) -> None:
    shipped = sorted((python.parents[1] / "lib").glob("python3*/site-packages/bpy/*/datafiles/assets/**/*.blend"))
    shipped = [path for path in shipped if path.stat().st_size < 4_000_000][:6]
    assert shipped
    for path in shipped:
        (pod.raw / path.name).write_bytes(path.read_bytes())
    result = pod.run()
    assert isinstance(result, Prepared), result
    assert result.rows.train >= 1


def _tree(tree: dict[str, Any]) -> dict[str, Any]:
    nodes = [
        {key: node[key] for key in ("name", "type", "settings", "inputs") if key in node} for node in tree["nodes"]
    ]
    links = [{key: value for key, value in link.items() if value is not None} for link in tree["links"]]
    found = {"name": tree["name"], "nodes": nodes, "links": links}
    return found | ({"sockets": tree["sockets"]} if tree.get("sockets") else {})


def _plain(thing: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says how a thing differs from a fresh one: it is the same again, if the rest is."""
    made = json.loads(json.dumps(thing))
    for piece in [made.get("data") or {}, *made.get("modifiers", [])]:
        for key in ("changed", "pointers"):
            piece.pop(key, None)
    if "data" in made:
        made["data"].pop("name", None)
    return made


OUTER = {"nodeGroups": "node_groups", "fromNode": "from_node", "fromSocket": "from_socket", "toNode": "to_node",
         "toSocket": "to_socket", "fromIndex": "from_index", "toIndex": "to_index"}  # fmt: skip


def _snake(value: Any) -> Any:
    """Return a description as a pattern has it: fields of ours in snake case, Blender's as they are."""
    if isinstance(value, dict):
        return {OUTER.get(key, key): _snake(inner) for key, inner in value.items()}
    return [_snake(one) for one in value] if isinstance(value, list) else value


def test_files_are_fetched_by_number(pod: Pod, scene: Path) -> None:
    (pod.raw / "a b").mkdir()
    (pod.raw / "a b" / "ü.blend").write_bytes(scene.read_bytes())
    result = pod.run()
    assert isinstance(result, Prepared)
    assert [path.name for path in (pod.folder / "exchange" / FILES).iterdir()] == ["0"]
    assert all(id.startswith("a b/ü.blend#") for id in pod.rows(result))


def test_the_environment_of_blender_is_of_its_own(python: Path) -> None:
    ran = subprocess.run(
        [str(python), "-c", "import slipway_data"], env={"PYTHONPATH": blender.path()}, capture_output=True, check=False
    )
    assert ran.returncode != 0, "the image has no readers in it"


THINGS = """
import sys, bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
mesh = bpy.data.meshes.new("Cube")
corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
mesh.from_pydata(corners, [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
count, levels, smoothings, iterations = map(int, sys.argv[2:])
for number in range(count):
    thing = bpy.data.objects.new(f"Thing {number}", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.modifiers.new("Many", "SUBSURF").levels = levels
    for at in range(smoothings):
        thing.modifiers.new(f"Smooth {at}", "SMOOTH").iterations = iterations
bpy.data.libraries.write(sys.argv[1], {bpy.context.scene})
"""
"""Saves what it makes without working it out: who reads it does."""
QUICKER = """
from slipway.contract.job import PrepareDataset
from slipway_eval_blender import read
from slipway_pod.run import main
read.SECONDS = {}
main(read.read, PrepareDataset)
"""


def test_a_file_that_keeps_blender_busy_is_rejected_and_the_good_one_kept(pod: Pod, scene: Path) -> None:
    """Its reader has seconds to compute, here few of them."""
    made(pod, "busy.blend", count=1, levels=7, smoothings=30, iterations=30_000)
    (pod.raw / "good.blend").write_bytes(scene.read_bytes())
    result = pod.run(reader=("-c", QUICKER.format(20)))
    assert isinstance(result, Prepared)
    assert pod.rejected(result)["busy.blend"]["message"] == (
        "it is not read: it was still running when its time was up"
    )
    assert {id.partition("#")[0] for id in pod.rows(result)} == {"good.blend"}


def test_a_file_that_takes_all_memory_is_rejected_and_the_good_one_kept(pod: Pod, scene: Path) -> None:
    made(pod, "large.blend", count=60, levels=9, smoothings=1, iterations=1)
    (pod.raw / "good.blend").write_bytes(scene.read_bytes())
    result = pod.run(reader=("-c", QUICKER.format(240)))
    assert isinstance(result, Prepared)
    assert pod.rejected(result)["large.blend"]["message"] == "it is not read: it ran out of memory"
    assert {id.partition("#")[0] for id in pod.rows(result)} == {"good.blend"}


def made(pod: Pod, name: str, **things: int) -> None:
    """Save a file of costly things among the raw files."""
    command = [str(pod.python), "-c", THINGS, str(pod.raw / name), *map(str, things.values())]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
