"""Do the scripts of objects make in Blender the very objects that they were read from?"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.blend import Blend, Object
from slipway.contract.blends import DESCRIBED
from slipway.contract.execution import Task
from slipway.contract.result import Prepared
from tests.blender.conftest import Container
from tests.blender.test_read import Pod

SHAPES = """
import bpy, math, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
calls = (
    ("cube", {}), ("cube", {"size": 0.37, "calc_uvs": False}), ("plane", {"size": 7.25}),
    ("grid", {"x_subdivisions": 3, "y_subdivisions": 5, "size": 3}), ("circle", {"vertices": 7, "radius": 0.3}),
    ("circle", {"vertices": 8, "fill_type": "NGON"}), ("circle", {"vertices": 5, "fill_type": "TRIFAN"}),
    ("uv_sphere", {"segments": 7, "ring_count": 5, "radius": 12.5}), ("ico_sphere", {"subdivisions": 3}),
    ("cylinder", {"vertices": 6, "radius": 1.1, "depth": 0.77}), ("cylinder", {"end_fill_type": "TRIFAN"}),
    ("cylinder", {"vertices": 3, "end_fill_type": "NOTHING"}), ("cone", {}), ("cone", {"radius1": 0, "radius2": 2}),
    ("cone", {"radius1": 1, "radius2": 0.5, "end_fill_type": "NOTHING"}), ("cone", {"end_fill_type": "TRIFAN"}),
    ("torus", {}), ("torus", {"major_segments": 7, "minor_segments": 5, "major_radius": 2, "minor_radius": 0.3}),
    ("torus", {"generate_uvs": False}), ("monkey", {"size": 5}),
)
for at, (kind, arguments) in enumerate(calls):
    getattr(bpy.ops.mesh, f"primitive_{kind}_add")(**arguments)
    bpy.context.object.name = f"{kind} {at}"

def edited(name, edit):
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.name = name
    edit(bpy.context.object.data)

def moved(mesh): mesh.vertices[3].co.x += 0.01
def flipped(mesh): mesh.flip_normals()
def unwrapped(mesh): mesh.uv_layers[0].data[5].uv = (0.1, 0.9)
def named(mesh): mesh.uv_layers[0].name = "Atlas"
def coloured(mesh): mesh.color_attributes.new("Col", "FLOAT_COLOR", "POINT")
def half_smooth(mesh): mesh.polygons[0].use_smooth = True
def astray(mesh): mesh.edges[0].vertices = (0, 7000)
def creased(mesh): mesh.attributes.new("crease_edge", "FLOAT", "EDGE").data[0].value = 1
for edit in (moved, flipped, unwrapped, named, coloured, half_smooth, astray, creased):
    edited(edit.__name__, edit)

bpy.ops.mesh.primitive_uv_sphere_add(location=(1, -2.5, 0.001), rotation=(0.01, 1, -3))
ball = bpy.context.object
ball.name, ball.scale = "Ball", (1, 0.5, -2)
ball.data.shade_smooth()
bpy.ops.mesh.primitive_cube_add()
turned = bpy.context.object
turned.name, turned.rotation_mode, turned.rotation_euler = "Turned", "ZYX", (0.5, 1, 0.25)
bpy.ops.mesh.primitive_cube_add()
quaternion = bpy.context.object
quaternion.name, quaternion.rotation_mode = "Quaternion", "QUATERNION"
quaternion.rotation_quaternion = (0.5, 0.5, 0.5, 0.5)
bpy.ops.mesh.primitive_cube_add()
delta = bpy.context.object
delta.name, delta.delta_location = "Delta", (0, 0, 1)
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""
EDITED = {"moved", "flipped", "unwrapped", "named", "coloured", "half_smooth", "astray", "creased", "Delta"}
THINGS = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.object.empty_add(type="SPHERE", radius=0.4, location=(0, 3, 1))
aim = bpy.context.object
aim.name = "Aim"
bpy.ops.object.text_add(location=(0, 0, 4))
sign = bpy.context.object
sign.name, sign.data.body, sign.data.extrude, sign.data.align_x = "Sign", "Slip\\nway", 0.0625, "CENTER"
bpy.ops.object.text_add()
bold = bpy.context.object
bold.name, bold.data.body = "Bold", "loud"
bold.data.body_format[0].use_bold = True
bpy.ops.curve.primitive_bezier_circle_add(radius=2)
bpy.context.object.name = "Ring"
bpy.context.object.data.bevel_depth = 0.05
bpy.ops.curve.primitive_bezier_curve_add()
bpy.context.object.name = "Bend"
bpy.context.object.data.splines[0].bezier_points[0].handle_right_type = "FREE"
bpy.ops.curve.primitive_nurbs_path_add(location=(1, 1, 1))
bpy.context.object.name = "Path"
bpy.ops.curve.primitive_bezier_curve_add()
bpy.context.object.name = "Thick"
bpy.context.object.data.splines[0].bezier_points[0].radius = 3
bpy.ops.object.light_add(type="AREA", location=(1, 2, 3), rotation=(0.017, 0, 0))
lamp = bpy.context.object
lamp.name, lamp.data.energy, lamp.data.size, lamp.scale = "Lamp", 40, 0.3, (2, 2, 2)
bpy.ops.object.camera_add(location=(0, -8, 2))
eye = bpy.context.object
eye.name, eye.data.lens = "Eye", 35
look = eye.constraints.new("TRACK_TO")
look.name, look.target, look.up_axis, look.track_axis = "Look", aim, "UP_X", "TRACK_NEGATIVE_Y"
near = eye.constraints.new("LIMIT_DISTANCE")
near.target, near.distance, near.limit_mode = aim, 0.333333, "LIMITDIST_OUTSIDE"
held = eye.constraints.new("CHILD_OF")
held.target, held.use_scale_x, held.influence = sign, False, 0.25
bound = eye.constraints.new("LIMIT_LOCATION")
bound.use_min_z, bound.min_z, bound.owner_space = True, -1.5, "LOCAL"
for name in ("Set", "Props", "Bare"):
    bpy.data.collections.new(name)
bpy.context.scene.collection.children.link(bpy.data.collections["Set"])
bpy.data.collections["Set"].children.link(bpy.data.collections["Props"])
bpy.context.scene.collection.children.link(bpy.data.collections["Bare"])

def into(name, thing):
    for one in list(thing.users_collection):
        one.objects.unlink(thing)
    bpy.data.collections[name].objects.link(thing)
    return thing

bpy.ops.mesh.primitive_cube_add(location=(5, 0, 0), rotation=(0, 0, 0.5))
base = into("Props", bpy.context.object)
base.name = "Base"
bpy.ops.mesh.primitive_cylinder_add(location=(5, 0, 2), vertices=8)
arm = into("Props", bpy.context.object)
arm.name, arm.parent = "Arm", base
bpy.context.view_layer.update()
arm.matrix_parent_inverse = base.matrix_world.inverted()
hand = into("Props", bpy.data.objects.new("Hand", None))
hand.parent, hand.location = arm, (0, 0, 1.5)
finger = into("Props", bpy.data.objects.new("Finger", bpy.data.lights.new("Glow", "POINT")))
finger.parent = hand
bpy.context.view_layer.update()
finger.matrix_parent_inverse = hand.matrix_world.inverted()
finger.location = (6, 1, 4)
bpy.ops.mesh.primitive_plane_add(location=(1, 0, 0))
moved = bpy.context.object
moved.name = "Moved"
tied = bpy.data.objects.new("Tied", None)
bpy.context.scene.collection.objects.link(tied)
tied.parent = moved
bpy.context.view_layer.update()
tied.matrix_parent_inverse = moved.matrix_world.inverted()
moved.location.x = 3
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""
TOLD = {
    "name", "type", "location", "rotation", "scale", "dimensions", "data", "mesh", "primitive", "empty", "curve",
    "splines", "plain_text", "moved_by_deltas",
}  # fmt: skip
OF_PARENTS = {"parent", "parent_type", "parent_inverse"}


def read(pod: Pod, made_by: str) -> tuple[Blend, dict[str, str], dict[str, str]]:
    """Return what a file has, the code of its pairs, and why there are no more."""
    subprocess.run([str(pod.python), "-c", made_by, str(pod.raw / "scene.blend")], check=True, capture_output=True)
    result = pod.run()
    assert isinstance(result, Prepared)
    [file] = (pod.folder / "exchange" / DESCRIBED).glob("*.json")
    left = {id.partition("#")[2]: entry["message"] for id, entry in pod.rejected(result).items()}
    rows = {id.partition("#")[2]: code for id, code in pod.rows(result).items()}
    return Blend.model_validate_json(file.read_text()), rows, left


def wanted(thing: Object, fields: set[str] = TOLD) -> dict[str, Any]:
    """Return the pattern of an object that is `thing` in these `fields`, without what says how it differs."""
    made: dict[str, Any] = thing.model_dump(mode="json", include=fields)
    data = [made["data"]] if made.get("data") else []
    for piece in (*data, *made.get("curve", ()), *made.get("constraints", ())):
        piece.pop("changed", None)
        piece.pop("pointers", None)
    for one in data:
        one.pop("name")
    return made


def same(container: Container, tasks: list[tuple[Task, str]]) -> None:
    wrong = {
        task.id: (verdict.why, code)
        for (task, code), verdict in zip(tasks, container.judge(*tasks, seconds=60), strict=True)
        if verdict.layer != "AsAsked"
    }
    assert not wrong


def test_shapes_are_recognised_and_made_again(pod: Pod, container: Container) -> None:
    blend, rows, left = read(pod, SHAPES)
    assert set(left) == {f"object-{name}" for name in EDITED}
    assert "delta transforms" in left.pop("object-Delta")
    assert set(left.values()) == {"its mesh of 8 vertices is none of the shapes that Blender makes"}
    whole = [thing for thing in blend.objects if thing.name not in EDITED]
    assert set(rows) == {f"mesh-{thing.name}" for thing in whole}
    for thing in whole:
        assert thing.primitive is not None
        assert thing.name in ("Ball", "Turned", "Quaternion") or thing.name.startswith(f"{thing.primitive.kind} ")
    # One after the other in one scene: each brings its own name.
    code = "\n".join(rows[f"mesh-{thing.name}"] for thing in whole)
    expect = {"objects": [wanted(thing) for thing in whole]}
    same(container, [(Task(id="shapes", prompt="-", expect=expect), code)])


def test_empties_texts_curves_lights_and_cameras_are_made_again(pod: Pod, container: Container) -> None:
    blend, rows, left = read(pod, THINGS)
    assert set(rows) == {
        "empty-Aim", "text-Sign", "curve-Ring", "curve-Bend", "curve-Path", "light-Lamp", "camera-Eye",
        "constraints-Eye", "mesh-Base", "mesh-Moved", "family-Base", "collection-Props", "collections",
    }  # fmt: skip
    assert {name: why.split(",")[0] for name, why in left.items()} == {
        "object-Bold": "its letters have several formats",
        "object-Thick": "its 1 splines are many",
        "family-Moved": "the parent of one of its objects was moved after it became that",
    }
    known = {thing.name: thing for thing in blend.objects}
    alone = (
        "empty-Aim",
        "text-Sign",
        "curve-Ring",
        "curve-Bend",
        "curve-Path",
        "light-Lamp",
        "mesh-Base",
        "mesh-Moved",
    )
    each = {"objects": [wanted(known[row.partition("-")[2]]) for row in alone]}
    tasks = [(Task(id="alone", prompt="-", expect=each), "\n".join(rows[row] for row in alone))]
    # Its constraints turn and move it; what they are is told with them.
    eye = {"objects": [wanted(known["Eye"], TOLD - {"dimensions"})]}
    tasks.append((Task(id="camera", prompt="-", expect=eye), rows["camera-Eye"]))
    before = "\n".join(
        (rows["empty-Aim"], rows["text-Sign"], rows["camera-Eye"], "bpy.context.view_layer.objects.active = thing")
    )
    bound = {"objects": [wanted(known["Eye"], {"name", "constraints"})]}
    tasks.append((Task(id="constraints", prompt="-", before=before, expect=bound), rows["constraints-Eye"]))
    props = [known[name] for name in ("Base", "Arm", "Hand", "Finger")]
    family = {"objects": [wanted(thing, TOLD | OF_PARENTS) for thing in props]}
    tasks.append((Task(id="family", prompt="-", expect=family), rows["family-Base"]))
    inside = {"objects": [wanted(thing, TOLD | OF_PARENTS | {"collections"}) for thing in props]}
    collection = {"collections": [{"name": "Props", "objects": ["Base", "Arm", "Hand", "Finger"]}]}
    tasks.append((Task(id="collection", prompt="-", expect=inside | collection), rows["collection-Props"]))
    same(container, tasks)


@pytest.fixture
def pod(python: Path, tmp_path: Path) -> Pod:
    return Pod(python, tmp_path)
