"""Does a pattern find what it asks for in a .blend file's description, and say what is missing?"""

from __future__ import annotations

from typing import Any

import pytest

from slipway.contract.blend import Blend, Collection, Mesh, Object, Piece, Scene
from slipway_formats.blend_pattern import BadPattern, check, unmet


def thing(name: str = "Cube", **of: Any) -> Object:
    place = {"location": (0, 0, 0), "rotation": (0, 0, 0), "scale": (1, 1, 1), "dimensions": (2, 2, 2)}
    return Object(**{"name": name, "type": "MESH", **place, **of})


def file(*objects: Object, **of: Any) -> Blend:
    return Blend(scene=Scene(name="Scene", fps=24, resolution=(1920, 1080)), objects=objects, **of)


ARRAY = Piece(name="Array", type="ARRAY", settings={"count": 5, "use_axis": [True, False], "object": None})


@pytest.mark.parametrize(
    "pattern",
    [
        {"objects": [{"type": "MESH"}]},
        {"objects": [{"location": [0, 0, 0.0004], "dimensions": [{"min": 1}, {"max": 2}, 2]}]},
        {"objects": [{"type": "MESH", "count": 2}, {"type": "LIGHT", "count": 0}]},
        {"objects": [{"type": "MESH", "count": {"min": 1, "max": 2}}]},
        {"objects": [{"name": "Cube"}, {"type": "MESH"}]},
        {"objects": [{"type": "MESH"}, {"name": "Cube"}]},
        {"objects": [{"modifiers": [{"type": "ARRAY", "settings": {"count": 5, "use_axis": [True, False]}}]}]},
        {"objects": [{"name": {"any": ["Box", "Cube"]}, "parent": None}]},
        {"objects": [{"mesh": {"smooth": False}}]},
        {"any": [{"scene": {"fps": 30}}, {"scene": {"fps": 24}}]},
        {"collections": [{"name": "Props", "objects": ["Cube"]}]},
    ],
)
def test_what_is_there_is_found(pattern: dict[str, Any]) -> None:
    check(pattern)
    mesh = Mesh(vertices=8, edges=12, faces=6)
    found = file(
        thing(modifiers=(ARRAY,), mesh=mesh),
        thing("Ball", parent="Cube"),
        collections=(Collection(name="Props", objects=("Ball", "Cube")),),
    )
    assert unmet(pattern, found) == ""


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ({"objects": [{"type": "LIGHT"}]}, "no objects like {'type': 'LIGHT'}"),
        ({"objects": [{"name": "Cube", "location": [1, 0, 0]}]}, "objects.location[0] is 0.0, wanted 1"),
        ({"objects": [{"type": "MESH", "count": 3}]}, "the number of objects like {'type': 'MESH'} is 2, wanted 3"),
        ({"objects": [{"name": "Cube"}, {"name": "Cube"}]}, "objects has fewer that fit than the 2 asked for"),
        ({"objects": [{"type": "MESH"}] * 3}, "objects has fewer that fit than the 3 asked for"),
        ({"objects": [{"modifiers": [{"type": "BEVEL"}]}]}, "no objects.modifiers like {'type': 'BEVEL'}"),
        ({"objects": [{"modifiers": [{"settings": {"levels": 2}}]}]}, "objects.modifiers.settings.levels is not there"),
        ({"objects": [{"modifiers": [{"settings": {"use_axis": [True]}}]}]}, "use_axis has 2 values, wanted 1"),
        ({"scene": {"fps": {"min": 25}}}, "scene.fps is 24, wanted {'min': 25}"),
        ({"scene": {"camera": "Camera"}}, "scene.camera is None, wanted Camera"),
        ({"objects": [{"materials": ["Red"]}]}, "materials lacks ['Red']"),
        ({"objects": [{"hide_render": 0}]}, "hide_render is False, wanted 0"),
    ],
)
def test_what_is_missing_is_said(pattern: dict[str, Any], says: str) -> None:
    check(pattern)
    assert says in unmet(pattern, file(thing(modifiers=(ARRAY,)), thing("Ball")))


def test_patterns_take_turns_until_each_has_its_own() -> None:
    found = file(thing("A", type="LIGHT"), thing("B"))
    assert unmet({"objects": [{"name": {"any": ["A", "B"]}}, {"name": "A"}]}, found) == ""


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ({}, "expect is empty"),
        ({"objekts": []}, "expect.objekts: no such field; there are"),
        ({"objects": []}, "expect.objects: write a list of Object patterns"),
        ({"objects": ["Cube"]}, "expect.objects[0]: write an object with fields of Object"),
        ({"objects": [{"mesh": {"verts": 1}}]}, "expect.objects[0].mesh.verts: no such field"),
        ({"any": [{"object": []}]}, "expect.object: no such field"),
        ({"scene": {"count": 1}}, "expect.scene.count: no such field"),
    ],
)
def test_patterns_that_nothing_can_meet_are_refused(pattern: dict[str, Any], says: str) -> None:
    with pytest.raises(BadPattern) as caught:
        check(pattern)
    assert says in str(caught.value)
