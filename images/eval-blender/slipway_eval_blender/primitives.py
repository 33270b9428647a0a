"""Which of the shapes that Blender itself makes is a mesh, and with which arguments?

The counts of vertices and faces propose shapes, the bounds their sizes. A proposal is made, and is right when every
vertex, edge, face and UV of it is that of the mesh: whatever somebody moved, cut or flipped, it is no such shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import bmesh
import mathutils

from slipway.contract.blend import Primitive
from slipway_eval_blender import torus

LARGEST = 5_000
"""Vertices of a mesh that is looked at."""
TOLERANCE = 1e-5
"""Of the distance of the farthest vertex: single precision, and arguments of six digits."""
UV_TOLERANCE = 1e-4
UV_NAME = "UVMap"
MONKEY_WIDTH = 2.734375
PLAIN = frozenset({"position", "sharp_face", "material_index", UV_NAME})
"""Attributes of a mesh on which nothing else is set, beside those of the editor, whose names begin with a dot."""

Points = list[tuple[float, float, float]]


def primitive(mesh: Any) -> Primitive | None:
    """Return the shape that `mesh` is, or None where it is none that Blender makes by itself."""
    try:
        return _found(mesh) if 3 <= len(mesh.vertices) <= LARGEST and _plain(mesh) else None
    except (IndexError, ValueError, RuntimeError):
        return None  # A broken file has faces without corners, and corners at vertices that are not there.


def _found(mesh: Any) -> Primitive | None:
    points: Points = [tuple(vertex.co) for vertex in mesh.vertices]
    if not all(math.isfinite(value) for point in points for value in point):
        return None
    with_uvs = len(mesh.uv_layers) > 0
    for kind, settings in proposals(points, len(mesh.edges), len(mesh.polygons)):
        own = {name: _short(value) for name, value in settings.items()}
        if _same(mesh, points, kind, own, with_uvs):
            return Primitive(kind=kind, settings=own if with_uvs else own | {_uvs_argument(kind): False})
    return None


def proposals(points: Points, edges: int, faces: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the shapes that a mesh with so many edges and faces can be, each with the arguments it would have."""
    count = len(points)
    width = max(x for x, _, _ in points) - min(x for x, _, _ in points)
    radius = max(math.dist(point, (0, 0, 0)) for point in points)
    if (count, edges, faces) == (8, 12, 6):
        yield "cube", {"size": width}
    if (count, edges, faces) == (4, 4, 1):
        yield "plane", {"size": width}
    yield from _round_ones(count, edges, faces, radius)
    yield from _upright(points, faces)
    columns, rows = _distinct(x for x, _, _ in points), _distinct(y for _, y, _ in points)
    if columns * rows == count and (columns - 1) * (rows - 1) == faces and min(columns, rows) > 1:
        yield "grid", {"x_subdivisions": columns - 1, "y_subdivisions": rows - 1, "size": width}
    if count == faces and edges == 2 * count:
        yield from torus.proposals(points)
    if (count, faces) == (507, 500):
        yield "monkey", {"size": width * 2 / MONKEY_WIDTH}


def _short(value: Any) -> Any:
    """Return a number as somebody wrote it who was stored in single precision, which has seven digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _round_ones(count: int, edges: int, faces: int, radius: float) -> Iterator[tuple[str, dict[str, Any]]]:
    segments = faces - count + 2
    if segments > 2 and faces % segments == 0 and faces // segments > 2:
        yield "uv_sphere", {"segments": segments, "ring_count": faces // segments, "radius": radius}
    for subdivisions in range(1, 8):
        if (count, faces) == (10 * 4 ** (subdivisions - 1) + 2, 20 * 4 ** (subdivisions - 1)):
            yield "ico_sphere", {"subdivisions": subdivisions, "radius": radius}
    fills = {(count, 0): "NOTHING", (count, 1): "NGON"}
    if edges == count and (count, faces) in fills:
        yield "circle", {"vertices": count, "radius": radius, "fill_type": fills[count, faces]}
    if faces == count - 1 and edges == 2 * faces:
        yield "circle", {"vertices": faces, "radius": radius, "fill_type": "TRIFAN"}


def _upright(points: Points, faces: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the cylinders and cones, which stand on the z axis."""
    low, high = min(z for _, _, z in points), max(z for _, _, z in points)
    middle = (low + high) / 2
    below = max(math.hypot(x, y) for x, y, z in points if z <= middle)
    above = max(math.hypot(x, y) for x, y, z in points if z >= middle)
    depth, count = high - low, len(points)
    for fill, caps, centres in (("NGON", 2, 0), ("NOTHING", 0, 0), ("TRIFAN", None, 2)):
        sides, odd = divmod(count - centres, 2)
        if not odd and sides > 2 and faces == sides + (2 * sides if caps is None else caps):
            if math.isclose(below, above, rel_tol=TOLERANCE):
                yield "cylinder", {"vertices": sides, "radius": below, "depth": depth, "end_fill_type": fill}
            else:
                yield "cone", _cone(sides, below, above, depth, fill)
    for fill, caps, centres in (("NGON", 1, 0), ("NOTHING", 0, 0), ("TRIFAN", None, 1)):
        sides = count - 1 - centres
        if sides > 2 and faces == sides + (sides if caps is None else caps):
            # One of its ends is a point: the one that has no width.
            wide, narrow = (below, 0.0) if below > above else (0.0, above)
            yield "cone", _cone(sides, wide, narrow, depth, fill)


def _cone(sides: int, below: float, above: float, depth: float, fill: str) -> dict[str, Any]:
    return {"vertices": sides, "radius1": below, "radius2": above, "depth": depth, "end_fill_type": fill}


def _distinct(values: Iterator[float]) -> int:
    """Return how many different values there are, but for rounding."""
    ordered = sorted(values)
    gap = (ordered[-1] - ordered[0]) * TOLERANCE
    return 1 + sum(after - before > gap for before, after in pairwise(ordered))


def _uvs_argument(kind: str) -> str:
    return "generate_uvs" if kind == "torus" else "calc_uvs"


def _plain(mesh: Any) -> bool:
    """Tell whether `mesh` has nothing on it that the shape would not have."""
    if mesh.shape_keys is not None or any(a.name not in PLAIN and not a.name.startswith(".") for a in mesh.attributes):
        return False
    if [layer.name for layer in mesh.uv_layers] not in ([], [UV_NAME]):
        return False
    smooth = {face.use_smooth for face in mesh.polygons}
    return len(smooth) < 2 and not any(face.material_index for face in mesh.polygons)


def _same(mesh: Any, points: Points, kind: str, settings: dict[str, Any], with_uvs: bool) -> bool:
    """Tell whether `mesh` is the shape, in whatever order its vertices and faces are."""
    made = bmesh.new()
    try:
        if with_uvs and kind != "torus":
            made.loops.layers.uv.new(UV_NAME)
        MAKERS[kind](made, settings, with_uvs)
        wanted: Points = [tuple(vertex.co) for vertex in made.verts]
        if (len(wanted), len(made.edges), len(made.faces)) != (len(points), len(mesh.edges), len(mesh.polygons)):
            return False
        number = _paired(points, wanted)
        if number is None:
            return False
        made.verts.index_update()
        edges = {frozenset(vertex.index for vertex in edge.verts) for edge in made.edges}
        if {frozenset(number[at] for at in edge.vertices) for edge in mesh.edges} != edges:
            return False
        return _same_faces(_faces_of_mesh(mesh, number), dict(_faces_of_bmesh(made)))
    finally:
        made.free()


Uvs = list[tuple[float, ...]]
Face = tuple[tuple[int, ...], Uvs]


def _faces_of_bmesh(made: Any) -> Iterator[Face]:
    layer = made.loops.layers.uv.get(UV_NAME)
    for face in made.faces:
        corners = list(face.loops)
        uvs: Uvs = [tuple(corner[layer].uv) for corner in corners] if layer is not None else []
        yield _turned([corner.vert.index for corner in corners], uvs)


def _faces_of_mesh(mesh: Any, number: list[int]) -> Iterator[Face]:
    """Yield the faces of `mesh`, its vertices told by the `number` that each has in the shape."""
    layer = mesh.uv_layers[0].data if len(mesh.uv_layers) else None
    for face in mesh.polygons:
        uvs: Uvs = [tuple(layer[at].uv) for at in face.loop_indices] if layer is not None else []
        yield _turned([number[at] for at in face.vertices], uvs)


def _same_faces(found: Iterator[Face], wanted: dict[tuple[int, ...], Uvs]) -> bool:
    for vertices, uvs in found:
        those = wanted.pop(vertices, None)
        if those is None or any(math.dist(one, other) > UV_TOLERANCE for one, other in zip(uvs, those, strict=True)):
            return False
    return not wanted


def _turned(vertices: list[int], uvs: Uvs) -> Face:
    """Return a face, the way that it runs, beginning with the vertex of the lowest number."""
    first = vertices.index(min(vertices))
    return (*vertices[first:], *vertices[:first]), [*uvs[first:], *uvs[:first]]


def _paired(points: Points, wanted: Points) -> list[int] | None:
    """Return for each of `points` the one of `wanted` at its place; None where one is elsewhere, or two are at one."""
    reach = TOLERANCE * max(math.dist(point, (0, 0, 0)) for point in wanted)
    if all(math.dist(one, other) <= reach for one, other in zip(points, wanted, strict=True)):
        return list(range(len(points)))  # also of shapes with several vertices at one place
    tree = mathutils.kdtree.KDTree(len(wanted))
    for at, point in enumerate(wanted):
        tree.insert(point, at)
    tree.balance()
    found = [tree.find(point) for point in points]
    if any(distance is None or distance > reach for _, _, distance in found):
        return None
    numbers = [at for _, at, _ in found]
    return numbers if len(set(numbers)) == len(numbers) else None


def _make_cone(made: Any, of: dict[str, Any], uvs: bool) -> None:
    bmesh.ops.create_cone(
        made, cap_ends=of["end_fill_type"] != "NOTHING", cap_tris=of["end_fill_type"] == "TRIFAN",
        segments=of["vertices"], radius1=of.get("radius1", of.get("radius")),
        radius2=of.get("radius2", of.get("radius")), depth=of["depth"], calc_uvs=uvs,
    )  # fmt: skip


def _make_circle(made: Any, of: dict[str, Any], uvs: bool) -> None:
    bmesh.ops.create_circle(
        made, cap_ends=of["fill_type"] != "NOTHING", cap_tris=of["fill_type"] == "TRIFAN",
        segments=of["vertices"], radius=of["radius"], calc_uvs=uvs,
    )  # fmt: skip


def _make_grid(made: Any, of: dict[str, Any], uvs: bool) -> None:
    across, along = of.get("x_subdivisions", 1), of.get("y_subdivisions", 1)
    bmesh.ops.create_grid(made, x_segments=across, y_segments=along, size=of["size"] / 2, calc_uvs=uvs)


def _make_uv_sphere(made: Any, of: dict[str, Any], uvs: bool) -> None:
    bmesh.ops.create_uvsphere(
        made, u_segments=of["segments"], v_segments=of["ring_count"], radius=of["radius"], calc_uvs=uvs
    )


def _make_ico_sphere(made: Any, of: dict[str, Any], uvs: bool) -> None:
    bmesh.ops.create_icosphere(made, subdivisions=of["subdivisions"], radius=of["radius"], calc_uvs=uvs)


def _make_monkey(made: Any, of: dict[str, Any], uvs: bool) -> None:
    bmesh.ops.create_monkey(made, matrix=mathutils.Matrix.Scale(of["size"] / 2, 4), calc_uvs=uvs)


MAKERS: dict[str, Callable[[Any, dict[str, Any], bool], None]] = {
    "cube": lambda made, of, uvs: bmesh.ops.create_cube(made, size=of["size"], calc_uvs=uvs),
    "plane": _make_grid,
    "grid": _make_grid,
    "circle": _make_circle,
    "uv_sphere": _make_uv_sphere,
    "ico_sphere": _make_ico_sphere,
    "cylinder": _make_cone,
    "cone": _make_cone,
    "torus": torus.make,
    "monkey": _make_monkey,
}
"""What the operators do themselves, without a scene to do it in."""
