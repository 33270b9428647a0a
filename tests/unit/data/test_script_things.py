"""Which Python, and which words, does an object of a .blend file give, and what is told of one that gives none?"""

from __future__ import annotations

import ast
from typing import Any

import pytest

from slipway.contract.blend import Blend, Collection, Data, Empty, Mesh, Object, Piece, Primitive, Scene, Spline
from slipway_data.judge import Tally
from slipway_data.raw import RawFile
from slipway_data.read_blend import read, scripts
from slipway_data.rows import Rejected
from slipway_data.script import Left, Script


def thing(name: str, kind: str, **of: Any) -> Object:
    place = {"location": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0), "scale": (1.0, 1.0, 1.0), "dimensions": ()}
    return Object(**{"name": name, "type": kind, **place, **of})


def shape(name: str, kind: str, settings: dict[str, Any], smooth: bool = False, **of: Any) -> Object:
    mesh = Mesh(vertices=8, edges=12, faces=6, smooth=smooth)
    return thing(name, "MESH", mesh=mesh, primitive=Primitive(kind=kind, settings=settings), **of)


def of(*objects: Object, collections: tuple[Collection, ...] = ()) -> dict[str, Script | Left]:
    found = list(scripts(Blend(scene=Scene(name="S"), objects=objects, collections=collections)))
    for one in found:
        if isinstance(one, Script):
            ast.parse(one.code)
    return {one.name: one for one in found}


def lines(one: Script | Left) -> list[str]:
    assert isinstance(one, Script), one
    return one.code.splitlines()[2:]


def asked(one: Script | Left) -> str:
    assert isinstance(one, Script), one
    return one.asked


def test_a_shape_of_blenders_own_is_one_call_with_what_is_not_usual() -> None:
    settings = {"vertices": 6, "radius": 0.5, "depth": 2.0, "end_fill_type": "NGON"}
    bolt = shape("Bolt", "cylinder", settings, True, location=(1.0, 0.0, 2.5), rotation=(90.0, 0, 0), scale=(1, 1, 3.0))
    found = of(bolt)["mesh-Bolt"]
    assert lines(found) == [
        "bpy.ops.mesh.primitive_cylinder_add("
        "vertices=6, radius=0.5, location=(1.0, 0.0, 2.5), rotation=(1.570796, 0.0, 0.0))",
        "thing = bpy.context.object",
        "thing.name = 'Bolt'",
        "thing.scale = (1.0, 1.0, 3.0)",
        "thing.data.shade_smooth()",
    ]
    assert "a Blender cylinder named Bolt" in asked(found)
    assert "at (1.0, 0.0, 2.5), turned by (90.0, 0.0, 0.0) degrees, scaled by (1.0, 1.0, 3.0)." in asked(found)
    assert "It has vertices 6, radius 0.5." in asked(found)
    assert "It is shaded smooth." in asked(found)


def test_a_shape_without_uvs_is_made_without() -> None:
    found = of(shape("Box", "cube", {"size": 2.0, "calc_uvs": False}))["mesh-Box"]
    assert lines(found)[0] == "bpy.ops.mesh.primitive_cube_add(calc_uvs=False)"
    assert "no UV map" in asked(found)


def test_empties_are_drawn_as_they_were() -> None:
    plain = thing("Pivot", "EMPTY", empty=Empty(display="PLAIN_AXES", size=1))
    ball = thing("Aim", "EMPTY", empty=Empty(display="SPHERE", size=0.25), location=(0.0, 3.0, 0.0))
    found = of(plain, ball)
    assert lines(found["empty-Pivot"]) == [
        "thing = bpy.data.objects.new('Pivot', None)", "bpy.context.collection.objects.link(thing)",
    ]  # fmt: skip
    assert "thing.empty_display_type = 'SPHERE'" in lines(found["empty-Aim"])
    assert "thing.empty_display_size = 0.25" in lines(found["empty-Aim"])
    assert "drawn as sphere" in asked(found["empty-Aim"])


def test_texts_and_curves_are_told_by_their_letters_and_points() -> None:
    said = {"body": "Slipway", "extrude": 0.05, "texspace_size": [1, 1, 1], "use_auto_texspace": True}
    sign = thing(
        "Sign",
        "FONT",
        plain_text=True,
        data=Data(name="T", settings=said, changed=("body", "extrude", "texspace_size")),
    )
    path = Spline(
        type="POLY", settings={"use_cyclic_u": True}, changed=("use_cyclic_u",), points=((0, 0, 0), (1, 0, 0.5))
    )
    road = thing(
        "Road",
        "CURVE",
        splines=1,
        curve=(path,),
        data=Data(name="R", settings={"dimensions": "3D"}, changed=("dimensions",)),
    )
    found = of(sign, road)
    assert lines(found["text-Sign"])[:4] == [
        "text = bpy.data.curves.new('Sign', 'FONT')",
        "text.body = 'Slipway'",
        "text.extrude = 0.05",
        "thing = bpy.data.objects.new('Sign', text)",
    ]
    assert lines(found["curve-Road"])[2:7] == [
        "spline = curve.splines.new('POLY')",
        "spline.points.add(1)",
        "spline.points[0].co = (0.0, 0.0, 0.0, 1)",
        "spline.points[1].co = (1.0, 0.0, 0.5, 1)",
        "spline.use_cyclic_u = True",
    ]
    assert "A POLY spline with use cyclic u on through (0.0, 0.0, 0.0), (1.0, 0.0, 0.5)." in asked(found["curve-Road"])


def test_children_are_made_with_their_parents_and_not_without() -> None:
    base = shape("Base", "cube", {"size": 2.0})
    arm = shape("Arm", "cube", {"size": 1.0}, parent="Base", parent_type="OBJECT", parent_inverse="OfParent")
    hand = thing("Hand", "EMPTY", empty=Empty(display="PLAIN_AXES", size=1), parent="Arm", parent_type="OBJECT")
    found = of(hand, arm, base)
    assert set(found) == {"mesh-Base", "family-Base"}
    code = lines(found["family-Base"])
    assert code[code.index("bpy.context.view_layer.update()") :][:3] == [
        "bpy.context.view_layer.update()",
        "arm.parent = base",
        "arm.matrix_parent_inverse = base.matrix_world.inverted()",
    ]
    assert code[-1] == "hand.parent = arm"
    assert "a child of Base, staying where it is." in asked(found["family-Base"])
    assert "a child of Arm and placed relative to it." in asked(found["family-Base"])


def test_a_collection_gets_its_objects() -> None:
    box, lamp = (
        shape("Box", "cube", {"size": 2.0}),
        thing("Lamp", "LIGHT", data=Data(name="L", settings={"type": "SUN"})),
    )
    found = of(box, lamp, collections=(Collection(name="Set", objects=("Box", "Lamp")), Collection(name="Empty")))
    assert lines(found["collection-Set"])[-5:] == [
        "collection = bpy.data.collections.new('Set')",
        "bpy.context.scene.collection.children.link(collection)",
        "for one in (box, lamp,):",
        "    bpy.context.collection.objects.unlink(one)",
        "    collection.objects.link(one)",
    ]
    assert "There is a Blender sun light named Lamp, at (0.0, 0.0, 0.0)." in asked(found["collection-Set"])
    assert "collection-Empty" not in found


def test_constraints_name_their_targets() -> None:
    follow = Piece(
        name="Look",
        type="TRACK_TO",
        settings={"target": "Aim", "up_axis": "UP_Y"},
        changed=("target", "up_axis"),
        pointers=("target",),
    )
    aim = thing("Aim", "EMPTY", empty=Empty(display="PLAIN_AXES", size=1))
    eye = thing("Eye", "CAMERA", data=Data(name="Eye"), constraints=(follow,))
    found = of(eye, aim)["constraints-Eye"]
    assert lines(found) == [
        "thing = bpy.context.object",
        "look = thing.constraints.new('TRACK_TO')",
        "look.name = 'Look'",
        "look.target = bpy.data.objects['Aim']",
        "look.up_axis = 'UP_Y'",
    ]
    assert "the constraints of the active Blender camera object, in this order" in asked(found)
    assert "track to named Look with target Aim, up axis 'UP_Y'." in asked(found)
    assert "There are objects named Aim." in asked(found)


def test_a_matrix_is_none_of_bare_numbers() -> None:
    inverse = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -4.0], [0.0, 0.0, 0.0, 1.0]]
    held = constraint(type="CHILD_OF", settings={"inverse_matrix": inverse}, changed=("inverse_matrix",))
    found = of(shape("B", "cube", {}, constraints=(held,)))["constraints-B"]
    assert isinstance(found, Script)
    assert found.code.startswith("import bpy\nimport mathutils\n")
    assert "c.inverse_matrix = mathutils.Matrix(((1.0, 0.0, 0.0, 0.0)," in found.code


def constraint(**of: Any) -> Piece:
    return Piece(**{"name": "C", "type": "COPY_LOCATION", **of})


PARENT = shape("Base", "cube", {"size": 2.0})


def child(**of: Any) -> Object:
    return shape("B", "cube", {}, parent="Base", **of)


def constrained(**of: Any) -> Object:
    return shape("B", "cube", {}, constraints=(constraint(**of),))


@pytest.mark.parametrize(
    ("objects", "name", "why"),
    [
        (
            [thing("M", "MESH", mesh=Mesh(vertices=507, edges=1, faces=1))],
            "object-M",
            "its mesh of 507 vertices is none",
        ),
        ([thing("A", "ARMATURE")], "object-A", "an object of type ARMATURE is not written down"),
        ([thing("E", "EMPTY", empty=Empty(display="IMAGE", size=1))], "object-E", "it shows an image"),
        ([shape("D", "cube", {}, moved_by_deltas=True)], "object-D", "delta transforms"),
        ([thing("T", "FONT", data=Data(name="T"))], "object-T", "several formats"),
        ([thing("C", "CURVE", splines=9, data=Data(name="C"))], "object-C", "its 9 splines"),
        (
            [PARENT, thing("A", "ARMATURE", parent="Base", parent_type="OBJECT")],
            "family-Base",
            "one of its objects is not: an object of type ARMATURE",
        ),
        ([PARENT, child(parent_type="VERTEX")], "family-Base", "follows a bone or vertices"),
        (
            [PARENT, child(parent_type="OBJECT", parent_inverse="Other")],
            "family-Base",
            "was moved after it became that",
        ),
        (
            [constrained(settings={"subtarget": "Hand"}, changed=("subtarget",))],
            "constraints-B",
            "its subtarget is a part of another object",
        ),
        (
            [constrained(settings={"target": "X"}, changed=("target",), pointers=("target",))],
            "constraints-B",
            "its target points to something else",
        ),
        ([constrained(type="ARMATURE")], "constraints-B", "type ARMATURE follows"),
    ],
)
def test_what_would_not_be_the_same_is_left_out_and_why(objects: list[Object], name: str, why: str) -> None:
    found = of(*objects)[name]
    assert isinstance(found, Left)
    assert why in found.why


def test_more_objects_than_somebody_would_ask_for_are_left_out() -> None:
    many = [shape(f"N{at}", "cube", {}, parent="Base", parent_type="OBJECT") for at in range(64)]
    assert isinstance(of(PARENT, *many[:-1])["family-Base"], Script)
    assert of(PARENT, *many)["family-Base"] == Left("family-Base", "there are more than 64 objects in it")


def test_what_is_left_out_is_in_the_report_and_no_fault_of_the_data() -> None:
    blend = Blend(scene=Scene(name="S"), objects=(thing("Rig", "ARMATURE"), PARENT))
    text = blend.model_dump_json(by_alias=True)
    items = list(read(RawFile("a.blend", lambda: (text.encode(),)), "Chat"))
    left = [item for item in items if isinstance(item, Rejected)]
    assert [(one.id, one.reason) for one in left] == [("a.blend#object-Rig", "NotRecreated")]
    tally = Tally()
    tally.reject(left[0])
    assert (tally.rejected, tally.reasons.total()) == (0, 1)
