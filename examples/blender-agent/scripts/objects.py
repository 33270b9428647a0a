"""Which scripts add objects, place them, change them and arrange them?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from api import Api, Lesson, Property
from drawn import AXES, Draw, an, each, lesson, listed

SHAPES = {
    "primitive_cube_add": "cube",
    "primitive_uv_sphere_add": "UV sphere",
    "primitive_ico_sphere_add": "icosphere",
    "primitive_cylinder_add": "cylinder",
    "primitive_cone_add": "cone",
    "primitive_torus_add": "torus",
    "primitive_plane_add": "plane",
    "primitive_grid_add": "grid",
    "primitive_circle_add": "circle",
    "primitive_monkey_add": "monkey head",
}
CURVES = {
    "primitive_bezier_curve_add": "Bezier curve",
    "primitive_bezier_circle_add": "Bezier circle",
    "primitive_nurbs_path_add": "NURBS path",
    "primitive_nurbs_circle_add": "NURBS circle",
}
SIZES = frozenset(
    each(
        "size radius radius1 radius2 depth vertices segments ring_count subdivisions major_radius minor_radius "
        "major_segments minor_segments x_subdivisions y_subdivisions"
    )
)
"""Parameters of shapes that people ask for."""
OBJECT = "obj = bpy.context.object"
Make = Callable[[Draw], Lesson]


def objects(api: Api, chance: random.Random) -> Iterator[Lesson]:
    """Yield lessons on objects, the commonest most often."""
    draw = Draw(chance)
    operators = api.operators("mesh")
    shapes = [(name, words, [one for one in operators[name] if one.name in SIZES]) for name, words in SHAPES.items()]
    curves = [name for name in CURVES if name in api.operators("curve")]
    for name, words, sizes in shapes:
        for _ in range(22):
            yield _shape(draw, name, words, sizes)
    for _ in range(45):
        yield _row(draw, *draw.chance.choice(shapes))
        yield _ring(draw, *draw.chance.choice(shapes))
    for _ in range(30):
        yield _curve(draw, draw.one(curves))
    for make, times in _CHANGES.items():
        for _ in range(times):
            yield make(draw)


def named(draw: Draw) -> tuple[str, str]:
    """Return an object that is there already, and the line that finds it."""
    name = draw.name()
    return name, f'obj = bpy.data.objects["{name}"]'


def added(draw: Draw) -> tuple[str, str]:
    """Return a shape in words, and the line that adds it."""
    name = draw.one(list(SHAPES))
    return SHAPES[name], f"bpy.ops.mesh.{name}()"


def _shape(draw: Draw, name: str, words: str, sizes: list[Property]) -> Lesson:
    chosen = {one: _size(draw, one) for one in draw.some(sizes, 3)} if draw.likely(75) else {}
    given = [f"{one.name}={value}" for one, value in chosen.items()]
    said = [draw.said(one, value) for one, value in chosen.items()]
    asked = f"{draw.one(('Add', 'Create', 'Make'))} {an(words)}"
    if said:
        asked += draw.one((" with ", " with ", ", ")) + listed(said)
    if draw.likely(45):
        place = draw.place()
        given.append(f"location={place}")
        asked += f" {draw.one(('at', 'at the location', 'with its centre at'))} {place}"
    code = [f"bpy.ops.mesh.{name}({', '.join(given)})"]
    if draw.likely(15):
        angle, axis = draw.angle(), draw.chance.randrange(3)
        turned = ", ".join(f"math.radians({angle})" if at == axis else "0" for at in range(3))
        code[0] = f"bpy.ops.mesh.{name}({', '.join([*given, f'rotation=({turned})'])})"
        asked += f", turned by {angle} degrees around {AXES[axis]}"
    if draw.likely(40):
        thing = draw.name()
        asked += draw.one((f" and name it {thing}", f", named {thing}", f" and name the object {thing}"))
        code.append(f'bpy.context.object.name = "{thing}"')
    if "sphere" in words and draw.likely(40):
        asked += " and shade it smooth"
        code.append("bpy.ops.object.shade_smooth()")
    return lesson(f"{asked}.", code, *(["math"] if "math." in code[0] else []))


def _size(draw: Draw, one: Property) -> object:
    if one.type == "int":
        return (
            draw.chance.choice((3, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64)) if "sub" not in one.name else draw.count(5)
        )
    return draw.length()


def _row(draw: Draw, name: str, words: str, sizes: list[Property]) -> Lesson:
    count, step, axis = draw.count(10), draw.chance.choice((1.5, 2, 2.5, 3, 4)), draw.chance.randrange(3)
    at = ", ".join(f"i * {step}" if one == axis else "0" for one in range(3))
    size = next((one for one in sizes if one.name in ("size", "radius")), None)
    value = draw.length()
    given = f"{size.name}={value}, " if size is not None else ""
    told = f" of {size.name} {value}" if size is not None else ""
    plural = words if words.endswith("s") else f"{words}s"
    asked = draw.one(("Add {n} {p}{t} in a row along the {a} axis, {s} metres apart.",
                      "Place {n} {p}{t} along {a}, one every {s} metres."))  # fmt: skip
    code = [f"for i in range({count}):", f"    bpy.ops.mesh.{name}({given}location=({at}))"]
    if draw.likely(30):
        thing = draw.name()
        asked = asked.removesuffix(".") + f" and name them {thing}_1 to {thing}_{count}."
        code.append(f'    bpy.context.object.name = f"{thing}_{{i + 1}}"')
    return lesson(asked.format(n=count, p=plural, t=told, a=AXES[axis], s=step), code)


def _ring(draw: Draw, name: str, words: str, sizes: list[Property]) -> Lesson:
    count, radius = draw.count(16), draw.chance.choice((2, 3, 4, 6, 8, 10))
    asked = f"Add {count} {words}s evenly on a circle of radius {radius} around the origin."
    code = [
        f"for i in range({count}):",
        f"    angle = 2 * math.pi * i / {count}",
        f"    bpy.ops.mesh.{name}(location=({radius} * math.cos(angle), {radius} * math.sin(angle), 0))",
    ]
    return lesson(asked, code, "math")


def _curve(draw: Draw, name: str) -> Lesson:
    bevel, thing = draw.length(), draw.name()
    code = [f"bpy.ops.curve.{name}()", OBJECT, f'obj.name = "{thing}"', f"obj.data.bevel_depth = {bevel}"]
    return lesson(f"Add {an(CURVES[name])} named {thing} with a bevel depth of {bevel}.", code)


def _moved(draw: Draw) -> Lesson:
    (name, find), place = named(draw), draw.place()
    asked = draw.one(("Move the object {n} to {p}.", "Set the location of {n} to {p}.", "Place {n} at {p}."))
    return lesson(asked.format(n=name, p=place), [find, f"obj.location = {place}"])


def _turned(draw: Draw) -> Lesson:
    (name, find), angle, axis = named(draw), draw.angle(), draw.one(AXES)
    asked = draw.one(
        ("Rotate the object {n} by {d} degrees around {a}.", "Turn {n} by {d} degrees about the {a} axis.")
    )
    code = [find, f"obj.rotation_euler.{axis} = math.radians({angle})"]
    return lesson(asked.format(n=name, d=angle, a=axis), code, "math")


def _scaled(draw: Draw) -> Lesson:
    (name, find), scale = named(draw), tuple(draw.length() for _ in AXES)
    return lesson(f"Scale the object {name} to {scale}.", [find, f"obj.scale = {scale}"])


def _parented(draw: Draw) -> Lesson:
    parent, *children = draw.names(draw.count(3) + 1)
    if len(children) == 1:
        code = [f'bpy.data.objects["{children[0]}"].parent = bpy.data.objects["{parent}"]']
    else:
        quoted = ", ".join(f'"{child}"' for child in children)
        code = [f"for name in ({quoted}):", f'    bpy.data.objects[name].parent = bpy.data.objects["{parent}"]']
    return lesson(
        f"Make {listed(children)} {'children' if len(children) > 1 else 'a child'} of the object {parent}.", code
    )


def _renamed(draw: Draw) -> Lesson:
    old, new = draw.names(2)
    code = [f'obj = bpy.data.objects["{old}"]', f'obj.name = "{new}"']
    asked = f"Rename the object {old} to {new}"
    if draw.likely(40):
        asked += " and its data too"
        code.append(f'obj.data.name = "{new}"')
    return lesson(f"{asked}.", code)


def _hidden(draw: Draw) -> Lesson:
    name, find = named(draw)
    where, member = draw.chance.choice((("in renders", "hide_render"), ("in the viewport", "hide_viewport")))
    return lesson(f"Hide the object {name} {where}.", [find, f"obj.{member} = True"])


def _removed(draw: Draw) -> Lesson:
    kind = draw.one(("MESH", "LIGHT", "CAMERA", "EMPTY", "CURVE"))
    code = [
        "for obj in list(bpy.data.objects):",
        f'    if obj.type == "{kind}":',
        "        bpy.data.objects.remove(obj, do_unlink=True)",
    ]
    words = draw.one(("Delete every {k} object.", "Remove all {k} objects from the scene.", "Delete all {k} objects."))
    return lesson(words.format(k=kind.lower()), code)


def _copied(draw: Draw) -> Lesson:
    (old, new), step, axis = draw.names(2), draw.length(), draw.one(AXES)
    code = [f'obj = bpy.data.objects["{old}"]', "copy = obj.copy()"]
    asked = f"Duplicate the object {old} as {new}"
    if draw.likely(60):
        code.append("copy.data = obj.data.copy()")
        asked += " with its own data"
    code += [f'copy.name = "{new}"', f"copy.location.{axis} += {step}", "bpy.context.collection.objects.link(copy)"]
    return lesson(f"{asked}, {step} metres further along {axis}.", code)


def _joined(draw: Draw) -> Lesson:
    one, two = draw.names(2)
    code = [
        f'first, second = bpy.data.objects["{one}"], bpy.data.objects["{two}"]',
        'bpy.ops.object.select_all(action="DESELECT")',
        "first.select_set(True)",
        "second.select_set(True)",
        "bpy.context.view_layer.objects.active = first",
        "bpy.ops.object.join()",
    ]
    return lesson(f"Join the objects {one} and {two} into {one}.", code)


def _property(draw: Draw) -> Lesson:
    key = draw.one(("weight", "price", "level", "part_id", "priority", "year", "owner_id", "speed"))
    value = draw.chance.choice((1, 3, 4, 7, 10, 25, 100, 0.5, 1.5))
    if draw.likely(50):
        name, find = named(draw)
        return lesson(f"Give the object {name} a custom property {key} of {value}.", [find, f'obj["{key}"] = {value}'])
    kind = draw.one(("MESH", "LIGHT", "CAMERA", "CURVE"))
    code = ["for obj in bpy.data.objects:", f'    if obj.type == "{kind}":', f'        obj["{key}"] = {value}']
    return lesson(f"Set the custom property {key} to {value} on all {kind.lower()} objects.", code)


def _from_points(draw: Draw) -> Lesson:
    name, count = draw.name(), draw.chance.choice((3, 4))
    points = [draw.place() for _ in range(count)]
    code = [
        f"vertices = [{', '.join(map(str, points))}]",
        f"faces = [{tuple(range(count))}]",
        f'mesh = bpy.data.meshes.new("{name}")',
        "mesh.from_pydata(vertices, [], faces)",
        "mesh.update()",
        f'obj = bpy.data.objects.new("{name}", mesh)',
        "bpy.context.collection.objects.link(obj)",
    ]
    asked = f"Build a mesh object {name} from the vertices {', '.join(map(str, points))} with one face."
    return lesson(asked, code)


def _group(draw: Draw) -> Lesson:
    (name, find), group = named(draw), draw.one(("Pinned", "Soft", "Edge", "Inside", "Heavy", "Loose"))
    code = [find, f'group = obj.vertex_groups.new(name="{group}")']
    code.append('group.add([v.index for v in obj.data.vertices], 1.0, "REPLACE")')
    return lesson(f"Add a vertex group {group} with all vertices to the object {name}.", code)


def _shape_key(draw: Draw) -> Lesson:
    (name, find), shape = named(draw), draw.one(("Open", "Wide", "Bent", "Flat", "Raised", "Thin"))
    code = [find, 'obj.shape_key_add(name="Basis")', f'key = obj.shape_key_add(name="{shape}")']
    asked = f"Add a basis and the shape key {shape} to the object {name}"
    if draw.likely(60):
        step, axis = draw.length(), draw.one(AXES)
        code += ["for point in key.data:", f"    point.co.{axis} += {step}"]
        asked += f", moved by {step} along {axis}"
    return lesson(f"{asked}.", code)


def _bmesh(draw: Draw) -> Lesson:
    name = draw.name()
    made = draw.chance.choice(
        (
            (f"a cube of size {(size := draw.length())}", f"create_cube(bm, size={size})"),
            (f"a grid of size {(size := draw.length())}", f"create_grid(bm, x_segments=4, y_segments=4, size={size})"),
            (
                f"an icosphere of radius {(size := draw.length())}",
                f"create_icosphere(bm, subdivisions=2, radius={size})",
            ),
            (
                f"a cylinder of radius {(size := draw.length())} and depth {(deep := draw.length())}",
                f"create_cone(bm, cap_ends=True, segments=24, radius1={size}, radius2={size}, depth={deep})",
            ),
        )
    )
    code = [
        f'mesh = bpy.data.meshes.new("{name}")',
        "bm = bmesh.new()",
        f"bmesh.ops.{made[1]}",
        "bm.to_mesh(mesh)",
        "bm.free()",
        f'obj = bpy.data.objects.new("{name}", mesh)',
        "bpy.context.collection.objects.link(obj)",
    ]
    return lesson(f"With bmesh, make {made[0]} as the object {name}.", code, "bmesh")


def _empty(draw: Draw) -> Lesson:
    kind = draw.one(("PLAIN_AXES", "ARROWS", "CUBE", "SPHERE", "CIRCLE", "CONE"))
    place, name = draw.place(), draw.name()
    words = kind.lower().replace("_", " ")
    code = [f'bpy.ops.object.empty_add(type="{kind}", location={place})', f'bpy.context.object.name = "{name}"']
    return lesson(f"Add an empty of type {words} named {name} at {place}.", code)


def _text(draw: Draw) -> Lesson:
    body = draw.one(("Good Morning", "Welcome", "The End", "Chapter One", "Open", "Made here", "Stop", "Level 2"))
    code = ["bpy.ops.object.text_add()", "text = bpy.context.object.data", f'text.body = "{body}"']
    asked = f"Add a text object that reads {body}"
    if draw.likely(60):
        value = draw.length()
        code.append(f"text.extrude = {value}")
        asked += f", extruded by {value}"
    if draw.likely(50):
        side = draw.one(("LEFT", "CENTER", "RIGHT"))
        code.append(f'text.align_x = "{side}"')
        asked += f", aligned {side.lower()}"
    return lesson(f"{asked}.", code)


_CHANGES: dict[Make, int] = {
    _moved: 25,
    _turned: 20,
    _scaled: 15,
    _parented: 30,
    _renamed: 20,
    _hidden: 20,
    _removed: 10,
    _copied: 30,
    _joined: 15,
    _property: 35,
    _from_points: 25,
    _group: 20,
    _shape_key: 20,
    _bmesh: 30,
    _empty: 20,
    _text: 30,
}
