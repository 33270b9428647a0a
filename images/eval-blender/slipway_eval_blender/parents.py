"""What moves an object beside its own location, rotation and scale?"""

from __future__ import annotations

from typing import Any, Literal

import mathutils

CLOSE = 1e-5


def moved_by_deltas(thing: Any) -> bool:
    """Tell whether delta transforms are added to the place of `thing`."""
    turned = thing.delta_rotation_euler.to_quaternion()
    if thing.rotation_mode in ("QUATERNION", "AXIS_ANGLE"):
        turned = thing.delta_rotation_quaternion
    moved = any(abs(value) > CLOSE for value in thing.delta_location)
    return moved or turned.angle > CLOSE or any(abs(value - 1) > CLOSE for value in thing.delta_scale)


def inverse(thing: Any) -> Literal["None", "OfParent", "Other"]:
    """Return what is multiplied between `thing` and its parent; it works out the parent's place for that."""
    stored = thing.matrix_parent_inverse
    if thing.parent is None or _close(stored, mathutils.Matrix.Identity(4)):
        return "None"
    place = thing.parent.matrix_world
    return "OfParent" if _close(stored @ place, mathutils.Matrix.Identity(4)) else "Other"


def _close(one: Any, other: Any) -> bool:
    return all(
        abs(a - b) <= CLOSE for row, those in zip(one, other, strict=True) for a, b in zip(row, those, strict=True)
    )
