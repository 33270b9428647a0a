"""Has every row an id of its own, whatever names things have in their files?"""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway_data.rows import Ids
from tests.unit.data.preparing import Place, pair

NODE = "Begin Object Class=/Script/BlueprintGraph.{kind}{name}\n{pins}End Object\n"
PIN = '   CustomProperties Pin (PinId={id},PinName="{id}",{way}LinkedTo=({other} {linked},),)\n'
OUT, IN = "A" * 32, "B" * 32


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def node(name: str = "", kind: str = "K2Node_Knot", pins: str = "") -> str:
    return NODE.format(kind=kind, name=f' Name="{name}"' if name else "", pins=pins)


def linked(one: str, other: str) -> str:
    """Return two nodes, each linked to the other."""
    out = PIN.format(id=OUT, way='Direction="EGPD_Output",', other=other, linked=IN)
    into = PIN.format(id=IN, way="", other=one, linked=OUT)
    return node(one, "K2Node_Event", out) + node(other, "K2Node_CallFunction", into)


def ids(place: Place, text: str, *steps: dict[str, object]) -> list[str]:
    place.put("raw/a.t3d", text)
    return [row["id"] for row in place.rows(place.prepare("BlueprintT3D", "Chat", *steps))]


def test_a_name_that_comes_again_gets_the_next_free_number() -> None:
    given = Ids("f")
    assert [given.next(name) for name in ("a", "a", "a~2", "a", "b~2", "b", "b")] == [
        "f#a",
        "f#a~2",
        "f#a~2~2",
        "f#a~3",
        "f#b~2",
        "f#b",
        "f#b~3",
    ]


def test_a_node_may_be_called_as_a_linked_part_is(place: Place) -> None:
    assert ids(place, linked("part-1", "end")) == ["a.t3d#end", "a.t3d#part-1", "a.t3d#part-1~2"]


def test_a_node_may_be_called_as_one_without_a_name_is(place: Place) -> None:
    assert ids(place, node("first") + node() + node("2")) == ["a.t3d#2", "a.t3d#2~2", "a.t3d#first"]


@pytest.mark.parametrize("balanced", [False, True])
def test_an_id_that_another_row_has_is_a_rejection_that_says_so(place: Place, balanced: bool) -> None:
    place.put("raw/a.t3d", node("A") + node("A+1", "K2Node_Self"))
    augment = {"augment": {"write": "Prompt", "template": "{{ prompt }} again", "variants": 1}}
    steps = [augment, {"balance": {"by": "Folder", "maxRows": 9}}] if balanced else [augment]
    result = place.prepare("BlueprintT3D", "Completion", *steps, quality={"maxRejectedPercent": 50})
    assert [row["id"] for row in place.rows(result)] == ["a.t3d#A", "a.t3d#A+1", "a.t3d#A+1+1"]
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("a.t3d#A+1", "RepeatedId")
    assert (result.rows.train, result.rows.rejected) == (3, 1)
    report = place.report(result)
    assert sum(step.rows_in + step.added - step.rows_out for step in report.steps) == 1


def test_rows_of_lines_have_ids_of_their_own_whatever_files_are_called(place: Place) -> None:
    place.put("raw/a", pair("one"))
    place.put("raw/a:1", pair("two"))
    assert place.prepare().rows.train == 2
