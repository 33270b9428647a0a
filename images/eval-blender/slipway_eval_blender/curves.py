"""What is in a curve or a text, as far as a few numbers tell it?"""

from __future__ import annotations

from typing import Any

import bpy

from slipway.contract.blend import Spline
from slipway_eval_blender.rna import DIGITS, Fresh, different, settings

SPLINES, POINTS = 8, 64
"""The most of a curve, and of each of its splines, that somebody would ask for by its numbers."""
KINDS = {bpy.types.SurfaceCurve: "SURFACE", bpy.types.TextCurve: "FONT"}
OF_NURBS = frozenset({"order_u", "use_endpoint_u", "use_bezier_u"})
FORMATS = ("use_bold", "use_italic", "use_underline", "use_small_caps", "kerning", "material_index")


def fresh(data: Any, known: Fresh, also: frozenset[str]) -> dict[str, Any]:
    """Return the settings of a new curve, surface or text, whichever `data` is."""
    kind = KINDS.get(type(data), "CURVE")

    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.curves.new("slipway-scratch", kind)
        try:
            return settings(scratch, also), {}
        finally:
            bpy.data.curves.remove(scratch)

    return known.of(("curve", kind), make)[0]


def splines(curve: Any, known: Fresh) -> tuple[Spline, ...]:
    """Return the splines of `curve`; none where they are many, or have what is not told of their points."""
    found = list(curve.splines)
    if curve.shape_keys is not None or len(found) > SPLINES or not all(_simple(one) for one in found):
        return ()
    return tuple(_spline(one, known) for one in found)


def is_plain_text(text: Any) -> bool:
    """Tell whether `text` has one format throughout, and no boxes that it flows through."""
    boxes = [value for box in text.text_boxes for value in (box.x, box.y, box.width, box.height)]
    return not any(boxes) and not any(getattr(one, name) for one in text.body_format for name in FORMATS)


def _simple(spline: Any) -> bool:
    points = _points(spline)
    weighted = spline.type == "NURBS" and any(abs(point.co[3] - 1) > 1e-6 for point in points)
    plain = all(abs(point.tilt) < 1e-6 and abs(point.radius - 1) < 1e-6 for point in points)
    return 0 < len(points) <= POINTS and spline.point_count_v <= 1 and plain and not weighted


def _points(spline: Any) -> Any:
    return spline.bezier_points if spline.type == "BEZIER" else spline.points


def _spline(spline: Any, known: Fresh) -> Spline:
    own = _settings(spline)
    bezier = spline.type == "BEZIER"
    return Spline(
        type=spline.type,
        settings=own,
        changed=different(own, _fresh_spline(spline.type, known)),
        points=tuple(
            _rounded((*one.co, *one.handle_left, *one.handle_right) if bezier else one.co[:3])
            for one in _points(spline)
        ),
        handles=tuple((one.handle_left_type, one.handle_right_type) for one in _points(spline)) if bezier else (),
    )


def _settings(spline: Any) -> dict[str, Any]:
    """Return the settings that matter to a curve of the type: what runs along v is of surfaces."""
    skipped = OF_NURBS if spline.type != "NURBS" else frozenset()
    return {name: value for name, value in settings(spline).items() if name not in skipped and not name.endswith("_v")}


def _fresh_spline(kind: str, known: Fresh) -> dict[str, Any]:
    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = bpy.data.curves.new("slipway-scratch", "CURVE")
        try:
            return _settings(scratch.splines.new(kind)), {}
        finally:
            bpy.data.curves.remove(scratch)

    return known.of(("spline", kind), make)[0]


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(value, DIGITS) for value in values)
