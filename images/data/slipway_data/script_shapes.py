"""Which call of Blender's makes a shape, and how is it asked for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.contract.blend import Primitive
from slipway_data.script import literal

WORDS = {"uv_sphere": "UV sphere", "ico_sphere": "icosphere"}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "cube": {"size": 2},
    "plane": {"size": 2},
    "grid": {"x_subdivisions": 10, "y_subdivisions": 10, "size": 2},
    "circle": {"vertices": 32, "radius": 1, "fill_type": "NOTHING"},
    "uv_sphere": {"segments": 32, "ring_count": 16, "radius": 1},
    "ico_sphere": {"subdivisions": 2, "radius": 1},
    "cylinder": {"vertices": 32, "radius": 1, "depth": 2, "end_fill_type": "NGON"},
    "cone": {"vertices": 32, "radius1": 1, "radius2": 0, "depth": 2, "end_fill_type": "NGON"},
    "torus": {"major_segments": 48, "minor_segments": 12, "major_radius": 1, "minor_radius": 0.25},
    "monkey": {"size": 2},
}
"""What the operators take where they are told nothing; the size is an edge of a cube, and a diameter elsewhere."""
UVS = ("calc_uvs", "generate_uvs")


@dataclass(frozen=True)
class Shape:
    """A shape by its words, what is told of it beside its name (empty: it is as Blender makes it), and the call."""

    words: str
    told: str
    call: str


def made_mesh(primitive: Primitive, more: Mapping[str, str]) -> Shape:
    """Return how `primitive` is made; `more` are further arguments, written as Python has them."""
    usual = DEFAULTS[primitive.kind]
    changed = {name: value for name, value in primitive.settings.items() if usual.get(name, True) != value}
    arguments = {name: literal(value) for name, value in changed.items()} | dict(more)
    listed = ", ".join(f"{name}={value}" for name, value in arguments.items())
    told = [_told(name, value) for name, value in changed.items()]
    words = WORDS.get(primitive.kind, primitive.kind)
    return Shape(words, ", ".join(told), f"bpy.ops.mesh.primitive_{primitive.kind}_add({listed})")


def _told(name: str, value: Any) -> str:
    if name in UVS:
        return "no UV map"
    said = str(value) if isinstance(value, str) else literal(value)
    return f"{name.replace('_', ' ')} {said}"
