"""Which Python makes the lights, cameras, modifiers and collections of a .blend file?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from slipway.contract.blend import Blend, Collection, Data, Object, Piece
from slipway_data.script import Script, assignments, literal, script, variable, words

FOLDERS = {"LIGHT": ("light", "lights"), "CAMERA": ("camera", "cameras")}


def scripts(blend: Blend) -> Iterator[Script]:
    """Yield a script for every light, camera and stack of modifiers that stands alone, and one for the collections."""
    for thing in blend.objects:
        if thing.type in FOLDERS and thing.data is not None and not set(thing.data.pointers) & {*thing.data.changed}:
            yield _placed(thing, thing.data)
        if thing.modifiers and not any(set(one.pointers) & {*one.changed} for one in thing.modifiers):
            yield _stack(thing)
    if len(blend.collections) > 1:
        yield _collections(blend.collections)


def _placed(thing: Object, data: Data) -> Script:
    kind, folder = FOLDERS[thing.type]
    made = f"{thing.name!r}, {data.settings['type']!r}" if kind == "light" else repr(thing.name)
    changed = [name for name in data.changed if kind != "light" or name != "type"]
    code = [
        "import bpy",
        "",
        f"{kind} = bpy.data.{folder}.new({made})",
        *assignments(kind, data.settings, changed),
        f"thing = bpy.data.objects.new({thing.name!r}, {kind})",
        f"thing.location = {literal([round(value, 4) for value in thing.location])}",
        f"thing.rotation_euler = {literal([round(math.radians(angle), 4) for angle in thing.rotation])}",
        "bpy.context.collection.objects.link(thing)",
    ]
    sort = f"{data.settings['type'].lower()} light" if kind == "light" else "camera"
    details = [
        f"It is at {literal([round(value, 3) for value in thing.location])}, turned by "
        f"{literal([round(angle, 1) for angle in thing.rotation])} degrees.",
        *([f"Settings: {words(data.settings, changed)}."] if changed else []),
    ]
    return script(f"{kind}-{thing.name}", f"a Blender {sort} named {thing.name}", details, code)


def _stack(thing: Object) -> Script:
    code, taken = ["import bpy", "", "thing = bpy.context.object"], {"bpy", "thing"}
    for one in thing.modifiers:
        name = variable(one.name, taken)
        code.append(f"{name} = thing.modifiers.new({one.name!r}, {one.type!r})")
        code += assignments(name, one.settings, one.changed)
    listed = "; ".join(_told(one) for one in thing.modifiers)
    what = f"the modifiers of the active Blender {thing.type.lower()} object, in this order"
    return script(f"modifiers-{thing.name}", what, [f"{listed}."], code)


def _told(piece: Piece) -> str:
    kind = piece.type.lower().replace("_", " ")
    said = f" with {words(piece.settings, piece.changed)}" if piece.changed else ""
    return f"{kind} named {piece.name}{said}"


def _collections(found: Sequence[Collection]) -> Script:
    taken, code = {"bpy"}, ["import bpy", ""]
    names = {one.name: variable(one.name, taken) for one in found}
    code += [f"{names[one.name]} = bpy.data.collections.new({one.name!r})" for one in found]
    code += [
        f"{names.get(one.parent or '', 'bpy.context.scene.collection')}.children.link({names[one.name]})"
        for one in found
    ]
    told = ", ".join(f"{one.name} in {one.parent or 'the scene'}" for one in found)
    return script("collections", "the collections of a Blender scene", [f"{told}."], code)
