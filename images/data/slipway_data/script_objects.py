"""Which Python makes the objects, modifiers, constraints and collections of a .blend file?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipway.contract.blend import Blend, Collection, Object, Piece
from slipway_data import script_constraints, script_groups
from slipway_data.script import Left, Script, assignments, script, variable, words
from slipway_data.script_things import made, place


def scripts(blend: Blend) -> Iterator[Script | Left]:
    """Yield a script for every object without a parent, every stack of modifiers and of constraints, and for groups.

    In the place of what cannot be made by itself, or just as it is, why that is so.
    """
    known = {thing.name for thing in blend.objects}
    for thing in blend.objects:
        if thing.parent is None:
            yield _alone(thing)
        if thing.modifiers:
            yield _stack(thing)
        if thing.constraints:
            yield script_constraints.stack(thing, known)
    yield from script_groups.scripts(blend)
    if len(blend.collections) > 1:
        yield _collections(blend.collections)


def _alone(thing: Object) -> Script | Left:
    found = made(thing, "thing", {"bpy", "thing"})
    if isinstance(found, Left):
        return found
    details = [f"It is {place(thing)}.", *found.details]
    return script(f"{found.kind}-{thing.name}", found.what, details, ["import bpy", "", *found.code])


def _stack(thing: Object) -> Script | Left:
    name = f"modifiers-{thing.name}"
    for one in thing.modifiers:
        if elsewhere := sorted(set(one.pointers) & {*one.changed}):
            return Left(name, f"its {', '.join(elsewhere)} points to something else in the file")
    code, taken = ["import bpy", "", "thing = bpy.context.object"], {"bpy", "thing"}
    for one in thing.modifiers:
        of = variable(one.name, taken)
        code.append(f"{of} = thing.modifiers.new({one.name!r}, {one.type!r})")
        code += assignments(of, one.settings, one.changed)
    listed = "; ".join(_told(one) for one in thing.modifiers)
    what = f"the modifiers of the active Blender {thing.type.lower()} object, in this order"
    return script(name, what, [f"{listed}."], code)


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
