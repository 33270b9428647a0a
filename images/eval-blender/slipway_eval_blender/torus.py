"""How is a torus told by its vertices, and made? The one shape that Blender's own scripts make, not its core."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import bpy

SAME = 1e-5
SEGMENTS = range(3, 257)
LARGEST_RADIUS = 10_000
"""What the operator takes."""


def proposals(points: list[tuple[float, float, float]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the torus that has `points`, if its vertices can lie in rings around the z axis."""
    distances = [math.hypot(x, y) for x, y, _ in points]
    outer, inner = max(distances), min(distances)
    # Each ring of the tube has one vertex that is farthest out.
    major = sum(math.isclose(distance, outer, rel_tol=SAME) for distance in distances)
    minor, rest = divmod(len(points), major)
    if rest or major not in SEGMENTS or minor not in SEGMENTS or outer > LARGEST_RADIUS:
        return
    # The innermost vertex of a ring with an odd number of them is beside its innermost point.
    radius = (outer - inner) / (1 - math.cos(2 * math.pi * (minor // 2) / minor))
    yield "torus", {
        "major_segments": major, "minor_segments": minor, "major_radius": outer - radius, "minor_radius": radius
    }  # fmt: skip


def make(made: Any, of: dict[str, Any], uvs: bool) -> None:
    """Put the torus that Blender's operator makes into the BMesh `made`."""
    from bl_operators.add_mesh_torus import add_torus, add_uvs  # Blender finds its scripts when it has started.

    corners, faces = add_torus(of["major_radius"], of["minor_radius"], of["major_segments"], of["minor_segments"])
    scratch = bpy.data.meshes.new("slipway-scratch")
    try:
        scratch.vertices.add(len(corners) // 3)
        scratch.loops.add(len(faces))
        scratch.polygons.add(len(faces) // 4)
        scratch.vertices.foreach_set("co", corners)
        scratch.polygons.foreach_set("loop_start", range(0, len(faces), 4))
        scratch.loops.foreach_set("vertex_index", faces)
        if uvs:
            add_uvs(scratch, of["minor_segments"], of["major_segments"])
        scratch.update(calc_edges=True)
        made.from_mesh(scratch)
    finally:
        bpy.data.meshes.remove(scratch)
