"""Which Python makes one object of a .blend file, and puts it in its place?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slipway.contract.blend import Data, Object, Spline
from slipway_data.script import Left, assignments, literal, variable, words
from slipway_data.script_shapes import made_mesh

DATA = {"LIGHT": ("light", "lights"), "CAMERA": ("camera", "cameras")}
TEXSPACE = ("texspace_location", "texspace_size")
"""Blender works them out of the shape, unless told otherwise."""


@dataclass(frozen=True)
class Made:
    """How an object is made: the words for it, more sentences about it, and the lines that bind it to a variable."""

    kind: str
    """What it is, in one word."""
    what: str
    details: tuple[str, ...]
    code: tuple[str, ...]


def made(thing: Object, name: str, taken: set[str]) -> Made | Left:
    """Return how `thing` is made by the variable `name`, without its parent, modifiers, constraints and materials.

    Names of other variables that it needs are added to `taken`. What cannot be made just so is told as Left.
    """
    if thing.moved_by_deltas:
        return _left(thing, "delta transforms move it besides")
    maker = MAKERS.get(thing.type)
    if maker is None:
        return _left(thing, f"an object of type {thing.type} is not written down as Python")
    return maker(thing, name, taken)


def place(thing: Object) -> str:
    """Return the words for where `thing` is."""
    turned = f", turned by {literal(thing.rotation)} degrees" if any(thing.rotation) else ""
    scaled = f", scaled by {literal(thing.scale)}" if set(thing.scale) != {1} else ""
    return f"at {literal(thing.location)}{turned}{scaled}"


def _placing(thing: Object, name: str) -> list[str]:
    """Return the lines that put it where it is, as far as new objects are not there."""
    lines = [f"{name}.location = {literal(thing.location)}"] if any(thing.location) else []
    if any(thing.rotation):
        lines.append(f"{name}.rotation_euler = {_radians(thing)}")
    return [*lines, *_scaling(thing, name)]


def _scaling(thing: Object, name: str) -> list[str]:
    return [f"{name}.scale = {literal(thing.scale)}"] if set(thing.scale) != {1} else []


def _radians(thing: Object) -> str:
    return literal([math.radians(angle) for angle in thing.rotation])


def _mesh(thing: Object, name: str, _: set[str]) -> Made | Left:
    if thing.primitive is None or thing.mesh is None:
        size = f"its mesh of {thing.mesh.vertices} vertices" if thing.mesh is not None else "its mesh"
        return _left(thing, f"{size} is none of the shapes that Blender makes")
    at = {"location": literal(thing.location)} if any(thing.location) else {}
    turned = {"rotation": _radians(thing)} if any(thing.rotation) else {}
    shape = made_mesh(thing.primitive, at | turned)
    smooth = thing.mesh.smooth
    code = [
        shape.call,
        f"{name} = bpy.context.object",
        f"{name}.name = {thing.name!r}",
        *_scaling(thing, name),
        *([f"{name}.data.shade_smooth()"] if smooth else []),
    ]
    details = [f"It has {shape.told}."] if shape.told else []
    details += ["It is shaded smooth."] if smooth else []
    return Made("mesh", f"a Blender {shape.words} named {thing.name}", tuple(details), tuple(code))


def _empty(thing: Object, name: str, _: set[str]) -> Made | Left:
    if thing.empty is None or thing.data is not None or thing.empty.display == "IMAGE":
        return _left(thing, "it shows an image")
    code, details = [f"{name} = bpy.data.objects.new({thing.name!r}, None)"], []
    if thing.empty.display != "PLAIN_AXES":
        code.append(f"{name}.empty_display_type = {thing.empty.display!r}")
        details.append(f"It is drawn as {thing.empty.display.lower().replace('_', ' ')}.")
    if thing.empty.size != 1:
        code.append(f"{name}.empty_display_size = {literal(thing.empty.size)}")
        details.append(f"Its display size is {literal(thing.empty.size)}.")
    return Made("empty", f"a Blender empty named {thing.name}", tuple(details), (*code, *_linked(thing, name)))


@dataclass(frozen=True)
class _Shown:
    """The data of an object: its kind, the words for it, its variable, and the lines that make it."""

    kind: str
    sort: str
    name: str
    code: tuple[str, ...]
    details: tuple[str, ...]


def _light_or_camera(thing: Object, name: str, taken: set[str]) -> Made | Left:
    data, (kind, folder) = thing.data, DATA[thing.type]
    if data is None or (why := _elsewhere(data)):
        return _left(thing, why if data is not None else "its data is missing")
    changed = [one for one in data.changed if kind != "light" or one != "type"]
    arguments = f"{thing.name!r}, {data.settings['type']!r}" if kind == "light" else repr(thing.name)
    sort = f"{data.settings['type'].lower()} light" if kind == "light" else "camera"
    of = _data_name(name, kind, taken)
    code = (f"{of} = bpy.data.{folder}.new({arguments})", *assignments(of, data.settings, changed))
    return _showing(thing, name, _Shown(kind, sort, of, code, _told_settings(data, changed)))


def _curve(thing: Object, name: str, taken: set[str]) -> Made | Left:
    if not thing.curve:
        return _left(thing, f"its {thing.splines} splines are many, or have tilts, radii, weights or shape keys")
    return _drawn(thing, name, _data_name(name, "curve", taken))


def _text(thing: Object, name: str, taken: set[str]) -> Made | Left:
    if not thing.plain_text:
        return _left(thing, "its letters have several formats, or it flows through boxes")
    return _drawn(thing, name, _data_name(name, "text", taken))


def _drawn(thing: Object, name: str, of: str) -> Made | Left:
    """Return how a curve or a text is made, whose data is of the same type of Blender's."""
    data = thing.data
    if data is None or (why := _elsewhere(data)):
        return _left(thing, why if data is not None else "its data is missing")
    kind = "text" if thing.type == "FONT" else "curve"
    computed = TEXSPACE if data.settings.get("use_auto_texspace") else ()
    changed = [one for one in data.changed if one not in computed]
    lines = (line for spline in thing.curve for line in _spline(spline, of))
    code = (
        f"{of} = bpy.data.curves.new({thing.name!r}, {thing.type!r})",
        *assignments(of, data.settings, changed),
        *lines,
    )
    details = (*_told_settings(data, changed), *(_told_spline(spline) for spline in thing.curve))
    return _showing(thing, name, _Shown(kind, kind, of, code, details))


def _showing(thing: Object, name: str, shown: _Shown) -> Made:
    code = (*shown.code, f"{name} = bpy.data.objects.new({thing.name!r}, {shown.name})", *_linked(thing, name))
    return Made(shown.kind, f"a Blender {shown.sort} named {thing.name}", shown.details, code)


def _data_name(name: str, kind: str, taken: set[str]) -> str:
    """Return the variable of an object's data; of an object that stands alone it is what it is."""
    return variable(kind if name == "thing" else f"{name}_{kind}", taken)


def _told_settings(data: Data, changed: Sequence[str]) -> tuple[str, ...]:
    return (f"Settings: {words(data.settings, changed)}.",) if changed else ()


def _elsewhere(data: Data) -> str:
    pointing = set(data.pointers) & {*data.changed}
    return f"it points to something else in the file: {', '.join(sorted(pointing))}" if pointing else ""


def _linked(thing: Object, name: str) -> list[str]:
    return [*_placing(thing, name), f"bpy.context.collection.objects.link({name})"]


def _left(thing: Object, why: str) -> Left:
    return Left(f"object-{thing.name}", why)


def _spline(spline: Spline, curve: str) -> list[str]:
    settings = assignments("spline", spline.settings, spline.changed)
    lines = [f"spline = {curve}.splines.new({spline.type!r})"]
    more = len(spline.points) - 1
    if spline.type != "BEZIER":
        lines += [f"spline.points.add({more})"] if more else []
        lines += [f"spline.points[{at}].co = {literal([*point, 1])}" for at, point in enumerate(spline.points)]
        return [*lines, *settings]  # their order is bounded by how many points there are
    lines += [f"spline.bezier_points.add({more})"] if more else []
    for at, (point, (left, right)) in enumerate(zip(spline.points, spline.handles, strict=True)):
        lines += [
            f"point = spline.bezier_points[{at}]",
            f"point.handle_left_type, point.handle_right_type = {left!r}, {right!r}",
            f"point.co = {literal(point[:3])}",
            f"point.handle_left, point.handle_right = {literal(point[3:6])}, {literal(point[6:])}",
        ]
    return [*lines, *settings]


def _told_spline(spline: Spline) -> str:
    said = f" with {words(spline.settings, spline.changed)}" if spline.changed else ""
    if not spline.handles:
        return f"A {spline.type} spline{said} through {', '.join(literal(point) for point in spline.points)}."
    told = ", ".join(
        f"{literal(point[:3])} with handles {left} at {literal(point[3:6])} and {right} at {literal(point[6:])}"
        for point, (left, right) in zip(spline.points, spline.handles, strict=True)
    )
    return f"A BEZIER spline{said} through {told}."


MAKERS: dict[str, Callable[[Object, str, set[str]], Made | Left]] = {
    "MESH": _mesh,
    "EMPTY": _empty,
    "LIGHT": _light_or_camera,
    "CAMERA": _light_or_camera,
    "CURVE": _curve,
    "FONT": _text,
}
