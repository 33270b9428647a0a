"""Is the score of a text what its parts cost, and do good texts of all kinds keep their points?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway_data import quality as module
from slipway_data.quality import CODE, PROSE, Part, is_code, quality, taken_apart

T3D = Path(__file__).parents[2] / "data" / "t3d"
PAGE = """The door opens when the player comes near. It stays open for three seconds, then it closes again.

To change how long it stays open, select the door and set Close Delay in the details panel. A delay of zero keeps it
open for good.

- Delay: how many seconds it waits.
- Speed: how fast it turns, in degrees per second.
"""
GERMAN = "Die Tür öffnet sich, wenn der Spieler in die Nähe kommt. Sie bleibt drei Sekunden offen und geht dann zu."
CHINESE = "当玩家靠近时、门会打开。它会保持打开三秒钟、然后再次关闭。要更改打开的时间、请选择门并设置延迟。"
HINDI = "जब खिलाड़ी पास आता है तो दरवाज़ा खुल जाता है। यह तीन सेकंड तक खुला रहता है और फिर बंद हो जाता है।"
MENU = "this is one line of a long menu\nand this is another one of them\nand a third one is down here\n"
PYTHON = '''
def add_cube(size: float, location=(0, 0, 0)):
    """Add a cube and return it."""
    # The operator leaves the new object selected.
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    cube = bpy.context.object
    cube.name = "Cube"
    if size > 2:
        cube.scale = (1, 1, 0.5)
    return cube
'''


@pytest.mark.parametrize(
    "text", ["", "Paris", "42", "$$$", "no no no no no no", PAGE, GERMAN, CHINESE, HINDI, PYTHON, "Yes, that works!"]
)
def test_a_good_text_keeps_its_points(text: str) -> None:
    assert quality(text).score >= 90, quality(text)


def test_graphs_of_unreal_keep_theirs() -> None:
    graphs = [path.read_text() for path in sorted(T3D.glob("*.t3d"))]
    assert graphs
    scores = sorted(quality(text).score for text in graphs)
    assert scores[len(scores) // 2] >= 70
    assert all(is_code(taken_apart(text).lines) for text in graphs)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Click here to win a prize today.\n" * 20, "RepeatedLines"),
        ("buy cheap gold now and " * 60, "RepeatedWords"),
        ("▓▒░ ★★★ $$$ ### wow ~~~ ☆☆☆ €€€ ^^^ and ■■■ @@@ *** ||| === +++ /// %%%", "Symbols"),
        (MENU, "LineEndings"),
        (MENU.replace("\n", "...\n"), "LineEndings"),
        ("a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R", "ShortWords"),
        ("Donaudampfschifffahrtsgesellschaft Rindfleischetikettierung Kraftfahrzeughaftpflicht", "LongWords"),
        ("12 34 56 78 9.5 11 2026 37 41 kg and 13 35 57 79 9.75 12 2027 38 42 more", "WordsWithoutLetters"),
        ("data = [\n" + "    load_the_next_row(table),\n" * 60 + "]\n", "RepeatedLines"),
        ("image = load(\n" + f'    "{"iVBORw0KGgoAAAANSUhEUgAA" * 20}",\n' + ")\n", "Data"),
        ("x = [\n" + "[1, 2, 3, 4, 5, 6, 7, 8, 9];\n[4, 5, 6, 7, 8, 9, 0, 0, 0];\n" * 4 + "]\n", "Letters"),
    ],
)
def test_each_part_finds_what_it_is_for(text: str, part: str) -> None:
    found = dict(quality(text).costs)
    assert found.get(part, 0) >= 10, found


def test_the_parts_that_cost_most_are_named_first_and_at_most_three() -> None:
    found = quality("$$$ %%% 11 22 33\n" * 30)
    points = [points for _, points in found.costs]
    assert points == sorted(points, reverse=True)
    assert found.score == max(0, 100 - sum(points))
    assert found.reasons.startswith(f"{found.costs[0][0]} {points[0]}, ")
    assert found.reasons.count(",") == 2


def test_a_part_costs_nothing_up_to_fine_all_from_bad_and_evenly_in_between() -> None:
    up = Part("Up", lambda text: len(text.whole), 100, 300, 40)
    assert [up.costs(taken_apart("x" * n)) for n in (0, 100, 105, 200, 299, 300, 999)] == [0, 0, 1, 20, 39, 40, 40]
    down = Part("Down", lambda text: len(text.whole), 300, 100, 40)
    assert [down.costs(taken_apart("x" * n)) for n in (999, 300, 200, 100, 0)] == [0, 0, 20, 40, 40]


def test_words_that_come_again_are_counted_once_however_their_runs_overlap() -> None:
    text = taken_apart("one two three four five six " * 2)
    assert module.repeated_words(text, 5) == 500
    assert module.repeated_words(taken_apart("one two three four five six"), 5) == 0
    assert module.repeated_words(taken_apart(""), 5) == 0


@pytest.mark.parametrize(("text", "code"), [(PYTHON, True), (PAGE, False), (GERMAN, False), ("", False)])
def test_code_is_told_from_prose(text: str, code: bool) -> None:
    assert is_code(taken_apart(text).lines) == code


def test_no_more_is_read_than_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", len(PAGE))
    assert quality(PAGE + "$" * 100_000) == quality(PAGE)


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_every_text_has_a_score(text: str) -> None:
    found = quality(text)
    assert 0 <= found.score <= 100
    assert quality(text) == found
    assert {name for name, _ in found.costs} <= set(module.names())
    assert all(0 < points <= part.cost for name, points in found.costs for part in _named(name, points))


def _named(name: str, points: int) -> list[Part]:
    parts = [part for part in (*PROSE, *CODE) if part.name == name]
    return [max(parts, key=lambda part: part.cost)]
