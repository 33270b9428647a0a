"""What can be said of an answer: of T3D by reading it, of Python by what became of it in Blender."""

from __future__ import annotations

import pytest

from e2e.example.cast import BLENDER, BLUEPRINT
from e2e.example.layers import of_blender, of_verdict, reached, reader
from e2e.example.results import NoResults
from slipway_train_torch.evaluate.validity import Verdict


def test_the_layers_of_a_graph_are_read_off_the_report() -> None:
    read = reader(BLUEPRINT)
    assert read({"layers": {"Parses": True, "NodesKnown": False, "LinksResolve": True}}) == {
        "Parses": True, "NodesKnown": False, "LinksResolve": True, "AllOfThem": False,
    }  # fmt: skip
    whole = of_verdict(Verdict(True, True, True))
    assert [layer for layer, holds in whole.items() if holds] == list(BLUEPRINT.layers)


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
