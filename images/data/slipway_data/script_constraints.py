"""Which Python gives an object its constraints?"""

from __future__ import annotations

from collections.abc import Set

from slipway.contract.blend import Object, Piece
from slipway_data.script import Left, Script, literal, script, spoken, variable

TARGETS = frozenset({"target", "pole_target", "space_object", "camera", "depth_object"})
"""Settings that name an object."""
WITHIN = frozenset({"subtarget", "pole_subtarget", "space_subtarget"})
"""Settings that name a bone or a group of vertices within it."""
MATRIX = "inverse_matrix"
"""Blender takes bare rows of numbers for its columns."""
UNTOLD = frozenset({"ARMATURE", "IK", "SPLINE_IK"})
"""Of these the description lacks what they follow."""


def stack(thing: Object, known: Set[str]) -> Script | Left:
    """Return the script for all constraints of `thing`, or why there is none; `known` are the names of all objects."""
    name = f"constraints-{thing.name}"
    for one in thing.constraints:
        if why := _why_not(one, known):
            return Left(name, why)
    turned = any(MATRIX in one.changed for one in thing.constraints)
    imports = ["import bpy", *(["import mathutils"] if turned else [])]
    code, taken = [*imports, "", "thing = bpy.context.object"], {"bpy", "mathutils", "thing"}
    for one in thing.constraints:
        of = variable(one.name, taken)
        code += [f"{of} = thing.constraints.new({one.type!r})", f"{of}.name = {one.name!r}"]
        code += [f"{of}.{setting} = {_value(one, setting)}" for setting in one.changed]
    what = f"the constraints of the active Blender {thing.type.lower()} object, in this order"
    told = [f"{'; '.join(_told(one) for one in thing.constraints)}."]
    if targets := sorted({one.settings[s] for one in thing.constraints for s in one.changed if s in TARGETS}):
        told.append(f"There are objects named {', '.join(targets)}.")
    return script(name, what, told, code)


def _why_not(constraint: Piece, known: Set[str]) -> str:
    if constraint.type in UNTOLD:
        return f"what a constraint of type {constraint.type} follows is not known"
    for setting in constraint.changed:
        value = constraint.settings[setting]
        if setting in WITHIN and value:
            return f"its {setting} is a part of another object"
        if setting in constraint.pointers and (setting not in TARGETS or value not in known):
            return f"its {setting} points to something else in the file"
    return ""


def _value(constraint: Piece, setting: str) -> str:
    value = constraint.settings[setting]
    if setting == MATRIX:
        return f"mathutils.Matrix({literal(value)})"
    return f"bpy.data.objects[{value!r}]" if setting in constraint.pointers else literal(value)


def _told(constraint: Piece) -> str:
    kind = constraint.type.lower().replace("_", " ")
    said = [
        f"{name.replace('_', ' ')} {value if name in constraint.pointers else spoken(value)}"
        for name, value in ((name, constraint.settings[name]) for name in constraint.changed)
    ]
    return f"{kind} named {constraint.name}" + (f" with {', '.join(said)}" if said else "")
