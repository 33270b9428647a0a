"""What is one object of a scene: its place, its data, its modifiers, constraints and keyframes?"""

from __future__ import annotations

import math
from typing import Any

import bpy

from slipway.contract.blend import Data, Empty, Keys, Mesh, Object, Piece
from slipway_eval_blender import curves, parents
from slipway_eval_blender.primitives import primitive
from slipway_eval_blender.rna import DIGITS, Fresh, different, plain, pointers, settings

EULER = frozenset({"XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"})
SIZES = frozenset({"width", "height", "dimensions"})
"""Of a node's box in the editor; of modifiers and data, they are what these do."""
LIGHT = frozenset({"type", "color"})


def object_(thing: Any, fresh: Fresh) -> Object:
    """Return the description of object `thing`."""
    return Object(
        name=thing.name,
        type=thing.type,
        location=_rounded(thing.location),
        rotation=_rotation(thing),
        scale=_rounded(thing.scale),
        dimensions=_rounded(thing.dimensions),
        moved_by_deltas=parents.moved_by_deltas(thing),
        parent=thing.parent.name if thing.parent is not None else None,
        parent_type=thing.parent_type if thing.parent is not None else "",
        parent_inverse=parents.inverse(thing),
        collections=tuple(collection.name for collection in thing.users_collection),
        materials=tuple(slot.material.name if slot.material is not None else "" for slot in thing.material_slots),
        modifiers=tuple(_modifier(one, thing, fresh) for one in thing.modifiers),
        constraints=tuple(_constraint(one, fresh) for one in thing.constraints),
        vertex_groups=tuple(group.name for group in thing.vertex_groups),
        data=_data(thing.data, fresh) if thing.data is not None else None,
        mesh=_mesh(thing.data) if thing.type == "MESH" else None,
        primitive=primitive(thing.data) if thing.type == "MESH" else None,
        empty=_empty(thing) if thing.type == "EMPTY" else None,
        bones=tuple(bone.name for bone in thing.data.bones) if thing.type == "ARMATURE" else (),
        splines=len(thing.data.splines) if thing.type in ("CURVE", "SURFACE") else 0,
        curve=curves.splines(thing.data, fresh) if thing.type == "CURVE" else (),
        plain_text=thing.type == "FONT" and curves.is_plain_text(thing.data),
        animation=_animation(thing),
        properties=custom(thing),
        hide_render=thing.hide_render,
        hide_viewport=thing.hide_viewport,
    )


def custom(thing: Any) -> dict[str, Any]:
    """Return the custom properties of `thing` that have a plain value."""
    found = {name: plain(thing[name]) for name in thing.keys()}  # noqa: SIM118 - no mapping, though it looks like one
    return {name: value for name, value in found.items() if value is not None}


def _rotation(thing: Any) -> tuple[float, ...]:
    mode = thing.rotation_mode
    if mode == "XYZ":
        turned = thing.rotation_euler
    elif mode in EULER:
        turned = thing.rotation_euler.to_matrix().to_euler("XYZ")
    elif mode == "QUATERNION":
        turned = thing.rotation_quaternion.to_euler()
    else:
        turned = thing.matrix_basis.to_euler()
    return tuple(round(math.degrees(angle), 4) for angle in turned)


def _modifier(modifier: Any, thing: Any, fresh: Fresh) -> Piece:
    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.objects.new("slipway-scratch", bpy.data.meshes.new("slipway-scratch"))
        try:
            return settings(scratch.modifiers.new("Fresh", modifier.type), SIZES), {}
        finally:
            bpy.data.meshes.remove(scratch.data)

    return _piece(modifier, fresh.of(("modifier", thing.type, modifier.type), make)[0])


def _constraint(constraint: Any, fresh: Fresh) -> Piece:
    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.objects.new("slipway-scratch", None)
        try:
            return settings(scratch.constraints.new(constraint.type), SIZES), {}
        finally:
            bpy.data.objects.remove(scratch)

    return _piece(constraint, fresh.of(("constraint", constraint.type), make)[0])


def _empty(thing: Any) -> Empty:
    return Empty(display=thing.empty_display_type, size=round(thing.empty_display_size, DIGITS))


def _piece(piece: Any, before: dict[str, Any]) -> Piece:
    own = settings(piece, SIZES)
    changed = different(own, before) if before else ()
    return Piece(name=piece.name, type=piece.type, settings=own, changed=changed, pointers=pointers(piece))


def _data(data: Any, fresh: Fresh) -> Data:
    if isinstance(data, bpy.types.Mesh):
        return Data(name=data.name)
    if isinstance(data, bpy.types.Light):
        own = settings(data, LIGHT)
        return Data(
            name=data.name, settings=own, changed=different(own, _fresh_light(data, fresh)), pointers=pointers(data)
        )
    own = settings(data, SIZES)
    if isinstance(data, bpy.types.Camera):
        own["type"] = data.type
        return Data(name=data.name, settings=own, changed=different(own, _fresh_camera(fresh)), pointers=pointers(data))
    if isinstance(data, bpy.types.Curve):
        before = curves.fresh(data, fresh, SIZES)
        return Data(name=data.name, settings=own, changed=different(own, before), pointers=pointers(data))
    return Data(name=data.name, settings=own)


def _fresh_light(light: Any, fresh: Fresh) -> dict[str, Any]:
    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.lights.new("slipway-scratch", light.type)
        try:
            return settings(scratch, LIGHT), {}
        finally:
            bpy.data.lights.remove(scratch)

    return fresh.of(("light", light.type), make)[0]


def _fresh_camera(fresh: Fresh) -> dict[str, Any]:
    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.cameras.new("slipway-scratch")
        try:
            return settings(scratch, SIZES) | {"type": scratch.type}, {}
        finally:
            bpy.data.cameras.remove(scratch)

    return fresh.of(("camera",), make)[0]


def _mesh(mesh: Any) -> Mesh:
    return Mesh(
        vertices=len(mesh.vertices),
        edges=len(mesh.edges),
        faces=len(mesh.polygons),
        smooth=bool(mesh.polygons) and all(face.use_smooth for face in mesh.polygons),
        uv_layers=tuple(layer.name for layer in mesh.uv_layers),
        colors=tuple(layer.name for layer in mesh.color_attributes),
        shape_keys=tuple(key.name for key in mesh.shape_keys.key_blocks) if mesh.shape_keys is not None else (),
    )


def _animation(thing: Any) -> tuple[Keys, ...]:
    animated = thing.animation_data
    if animated is None or animated.action is None:
        return ()
    return tuple(
        Keys(
            path=curve.data_path,
            index=curve.array_index,
            frames=tuple(_rounded(point.co) for point in curve.keyframe_points),
        )
        for curve in animated.action.fcurves
    )


def _rounded(values: Any) -> tuple[Any, ...]:
    return tuple(round(value, DIGITS) for value in values)
