"""What can be said of an answer: of T3D by reading it, of Python by what became of it in Blender."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.example.cast import BLENDER, BLUEPRINT
from e2e.example.layers import classes, of_blender, of_blueprint, reached, reader
from e2e.example.results import NoResults

GRAPHS = Path(__file__).parents[2] / "data" / "t3d"
NODE = """Begin Object Class=/Script/BlueprintGraph.{cls} Name="A_0"
   CustomProperties Pin (PinId=1,PinName="out",Direction="EGPD_Output",LinkedTo=({link}))
End Object
"""
OTHER = """Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="B_0"
   CustomProperties Pin (PinId=1,PinName="in",LinkedTo=(A_0 1,))
End Object
"""
KNOWN = frozenset({"K2Node_Knot", "K2Node_CallFunction"})


def passed(answer: str, *, cut: bool = False) -> list[str]:
    return [layer for layer, holds in of_blueprint(answer, cut, KNOWN).items() if holds]


def test_a_whole_graph_passes_everything() -> None:
    text = NODE.format(cls="K2Node_CallFunction", link="B_0 1,") + OTHER
    assert passed(text) == list(BLUEPRINT.layers)


def test_words_about_a_graph_are_none() -> None:
    assert passed("Sure! Here is a Blueprint with two nodes:") == []
    assert passed("") == []


def test_an_invented_class_still_parses() -> None:
    assert passed(NODE.format(cls="K2Node_MakeCoffee", link="B_0 1,") + OTHER) == ["Parses", "LinksResolve"]


def test_a_link_to_nowhere_still_parses() -> None:
    assert passed(NODE.format(cls="K2Node_Knot", link="C_0 1,")) == ["Parses", "NodesKnown"]


def test_an_answer_that_was_cut_counts_up_to_its_last_whole_node() -> None:
    begun = NODE.format(cls="K2Node_Knot", link="B_0 1,") + OTHER[: len(OTHER) // 2]
    assert passed(begun, cut=True) == list(BLUEPRINT.layers)
    assert passed(begun) == []
    assert passed(OTHER[:40], cut=True) == []


def test_known_classes_are_those_of_unreals_own_graphs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.t3d").write_text(NODE.format(cls="K2Node_Knot", link=""))
    (tmp_path / "a" / "broken.t3d").write_text("Begin Object")
    assert classes(tmp_path) == {"K2Node_Knot"}
    assert len(classes(GRAPHS)) > 5


CUBE = "import bpy\nbpy.ops.mesh.primitive_cube_add()"


def came(layer: str, answer: str = CUBE) -> list[str]:
    return [name for name, holds in reached(layer, answer).items() if holds]


def test_an_answer_passes_the_layers_up_to_the_one_it_reached() -> None:
    assert came("NamesExist") == ["Compiles", "UsesBlender", "NamesExist"]
    assert came("Compiles") == ["Compiles", "UsesBlender"]
    assert came("AsAsked") == list(BLENDER.layers)
    assert came("Nothing", "Sure! Here is") == []


@pytest.mark.parametrize(
    "answer", ["print('a cube')", "import bpy", "```python\ndef add_cube(size):\n    return size\n```"]
)
def test_python_that_never_names_blender_is_no_merit(answer: str) -> None:
    assert came("Runs", answer) == ["Compiles"]


def test_the_code_of_an_answer_is_what_the_judge_takes() -> None:
    assert came("Runs", f"Here you are:\n```python\n{CUBE}\n```\nDone.") == [
        "Compiles",
        "UsesBlender",
        "NamesExist",
        "Runs",
    ]


def test_the_layers_of_a_task_are_read_off_its_one_answer() -> None:
    read = reader(BLENDER)
    assert read({"id": "cube", "answers": [{"layer": "Compiles", "answer": CUBE}]})["UsesBlender"]
    with pytest.raises(NoResults, match="task cube has 5 answers"):
        of_blender({"id": "cube", "answers": [{"layer": "Runs", "answer": CUBE}] * 5})
