"""Is what is good in a file of clipboard text kept, and what is not told by name, line and number?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipway.contract.dataset_report import CutLinks
from slipway_data import ahead, alone
from slipway_data.counts import CUT_LINKS, Counts
from slipway_data.rows import Completion, Row
from slipway_pod.errors import BadData
from tests.unit.data.keeping import Memory
from tests.unit.data.preparing import Place

LOOSE = {"quality": {"maxRejectedPercent": 90}}
A, B = "A" * 32, "B" * 32


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def pin(id: str, *links: str, name: str = "then", end: str = ")") -> str:
    linked = f"LinkedTo=({','.join(links)},)," if links else ""
    way = 'Direction="EGPD_Output",' if id == A else ""
    return f'   CustomProperties Pin (PinId={id},PinName="{name}",{way}{linked}{end}\n'


def node(name: str, *pins: str, kind: str = "Knot") -> str:
    header = f'Begin Object Class=/Script/BlueprintGraph.K2Node_{kind} Name="{name}"'
    return f"{header}\n{''.join(pins)}End Object\n"


def pair_of(one: str, other: str) -> str:
    """Return two nodes, each linked to the other."""
    return node(one, pin(A, f"{other} {B}")) + node(other, pin(B, f"{one} {A}"))


def ids(place: Place, result: Any) -> list[str]:
    return [row["id"].removeprefix("a.t3d#") for row in place.rows(result)]


# What is not well formed


def test_a_malformed_pin_costs_its_node_and_nothing_else(place: Place) -> None:
    broken = node("Bad", pin(A, f"Second {B}"), pin("C" * 32, name="secret", end=""))
    place.put("raw/a.t3d", pair_of("First", "Second") + broken + node("Third", pin(B, f"Bad {A}")))
    result = place.prepare("BlueprintT3D", "Chat", **LOOSE)
    assert ids(place, result) == ["First", "Second", "Third", "part-1"]
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("a.t3d#Bad", "UnreadableFile")
    assert entry["message"] == (
        "line 9, pin secret: expected ')': the node is left out and links to it are cut, correct the line or copy the "
        "node again"
    )
    assert result.rows.rejected == 1
    report = place.report(result)
    assert [(one.reason, one.rows) for one in report.left_out] == [("UnreadableFile", 1)]
    assert report.cut_links == (CutLinks(why="MissingNode", links=1, example="a.t3d#Third"),)


def test_what_stands_between_nodes_is_told_with_its_line(place: Place) -> None:
    place.put("raw/a.t3d", "Here is my graph, password hunter2:\n" + pair_of("First", "Second"))
    result = place.prepare("BlueprintT3D", "Completion", **LOOSE)
    assert ids(place, result) == ["First", "Second", "part-1"]
    (entry,) = place.rejected(result)
    assert entry["id"] == "a.t3d"
    assert entry["message"] == "line 1: expected Begin Object: this is no part of a node, delete it"


def test_a_node_whose_name_cannot_be_read_is_known_by_its_line(place: Place) -> None:
    place.put("raw/a.t3d", node("First") + "Begin Object\nEnd Object\n")
    (entry,) = place.rejected(place.prepare("BlueprintT3D", "Completion", **LOOSE))
    assert entry["id"] == "a.t3d#line-3"


def test_a_file_of_which_nothing_is_left_is_one_rejection_that_quotes_nothing(place: Place) -> None:
    place.put("raw/a.t3d", node("First", "   hunter2\n") + node("Second", "   hunter2\n"))
    with pytest.raises(BadData) as caught:
        place.prepare("BlueprintT3D", "Completion", **LOOSE)
    (entry,) = place.rejected(caught.value)
    assert (entry["id"], entry["reason"]) == ("a.t3d", "UnreadableFile")
    assert entry["message"].startswith("not T3D: line 2: expected Key=Value")
    assert "hunter2" not in entry["message"]


# Several graphs in one file


def test_graphs_pasted_one_after_another_are_graphs_of_their_own(place: Place) -> None:
    other = node("Entry", pin(A, f"Second {B}"), kind="FunctionEntry") + node("Second", pin(B, f"Entry {A}"))
    place.put("raw/a.t3d", pair_of("First", "Second") + other)
    result = place.prepare("BlueprintT3D", "Completion")
    assert ids(place, result) == ["Entry", "First", "Second", "Second~2", "part-1", "part-2"]
    assert place.rejected(result) == []
    rows = {row["id"]: row["completion"] for row in place.rows(result)}
    assert "K2Node_FunctionEntry" in rows["a.t3d#part-2"]
    assert "K2Node_FunctionEntry" not in rows["a.t3d#part-1"]
    assert place.report(result).cut_links == ()


# Links that do not hold


def test_links_that_do_not_hold_are_counted_and_told(place: Place) -> None:
    gone = node("First", pin(A, f"Gone {B}", f"Gone {A}", f"Second {'C' * 32}"))
    place.put("raw/a.t3d", gone + node("Second", pin(B, f"First {A}")))
    place.put("raw/b.t3d", node("Alone", pin(A, f"Left {B}")))
    result = place.prepare("BlueprintT3D", "Completion")
    assert place.rejected(result) == []
    assert all("LinkedTo" not in row["completion"] for row in place.rows(result))
    assert place.report(result).cut_links == (
        CutLinks(why="MissingNode", links=3, example="a.t3d#First"),
        CutLinks(why="MissingPin", links=1, example="a.t3d#First"),
        CutLinks(why="OneSided", links=1, example="a.t3d#Second"),
    )
    page = place.read(result.report)
    assert "<h2>Links cut</h2>" in page
    assert "MissingNode: the file has no such node that can be used" in page


def test_links_of_nodes_without_a_name_are_counted_once(place: Place) -> None:
    nameless = node("", pin(A, f"Gone {B}")).replace(' Name=""', "")
    place.put("raw/a.t3d", nameless * 2)
    (cut,) = place.report(place.prepare("BlueprintT3D", "Completion")).cut_links
    assert (cut.links, cut.example) == (2, "a.t3d#1")


def test_a_report_without_them_does_not_speak_of_links(place: Place) -> None:
    place.put("raw/a.t3d", pair_of("First", "Second"))
    assert "Links cut" not in place.read(place.prepare("BlueprintT3D", "Completion").report)


@pytest.mark.parametrize("step", [{"deduplicate": {}}, {"redact": {"kinds": ["Email"]}}])
def test_links_are_counted_though_their_file_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch, step: dict[str, Any]
) -> None:
    memory = Memory.in_place_of_s3(monkeypatch)
    memory.put("raw/a.t3d", node("First", pin(A, f"Gone {B}")))
    memory.put("raw/b.t3d", node("Second", pin(A, f"Gone {B}")))
    job = memory.job("BlueprintT3D", step)
    first = memory.report(memory.prepare(job))
    assert first.cut_links == (CutLinks(why="MissingNode", links=2, example="a.t3d#First"),)
    second = memory.report(memory.prepare(job))
    assert memory.raw() == []
    assert second.cut_links == first.cut_links


def test_workers_count_links_as_one_process_does() -> None:
    number = ahead.BATCH_ROWS * (ahead.WORTH_A_POOL + 1)
    rows = [(at, Row(str(at), "g", Completion("a", "b"), columns={CUT_LINKS: {"OneSided": 2}})) for at in range(number)]
    told = Counts()
    list(ahead.done(iter(rows), alone.Work(banding=(16, 8)), told, 2))
    assert told.cut_links == {"OneSided": 2 * number}
    assert told.cut_first == {"OneSided": "0"}
