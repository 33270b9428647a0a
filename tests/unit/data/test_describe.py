"""Is a graph asked for in words that tell what is in it?"""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway_data.describe import request, title
from slipway_formats.t3d import Graph, normalised, parse

T3D = Path(__file__).parents[2] / "data" / "t3d"


def graph(name: str) -> Graph:
    return normalised(parse((T3D / f"{name}.t3d").read_text(encoding="utf-8")))


def node(kind: str, *lines: str) -> Graph:
    body = "\n".join(lines)
    return parse(f'Begin Object Class=/Script/BlueprintGraph.{kind} Name="x"\n{body}\nEnd Object')


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (graph("nodeTilde"), "input key event Tilde"),
        (graph("nodeFlipFlopLegacy"), "macro FlipFlop"),
        (graph("nodeConstant"), "material expression Constant with R=10000.000000"),
        (graph("nodeLineTraceForObjects"), "call function LineTraceSingleForObjects of KismetSystemLibrary"),
        (node("K2Node_IfThenElse"), "branch"),
        (node("K2Node_MultiGate"), "multi gate"),
        (node("K2Node_VariableGet", 'VariableReference=(MemberName="Health")'), "get variable Health"),
        (node("K2Node_VariableSet", 'VariableReference=(MemberName="Health")'), "set variable Health"),
        (node("K2Node_CustomEvent", 'CustomFunctionName="On Hit"'), "custom event On Hit"),
        (
            node(
                "K2Node_PromotableOperator", 'FunctionReference=(MemberParent=/X.Class\'"/Y.Math"\',MemberName="Add")'
            ),
            "operator Add of Math",
        ),
        (node("K2Node_SwitchEnum", "Enum=\"/Script/CoreUObject.Enum'/Script/Game.EState'\""), "switch enum EState"),
    ],
)
def test_titles(given: Graph, words: str) -> None:
    assert title(given.objects[0]) == words


def test_a_node_is_asked_for_by_title_and_pins() -> None:
    first, second = request(graph("nodeTilde")).splitlines()
    assert "the node input key event Tilde" in first
    assert second == "Outputs: Pressed exec, Released exec, Key struct:Key."


def test_a_graph_is_asked_for_by_nodes_places_and_links() -> None:
    text = request(graph("inputOutputKnots"))
    assert "linked nodes" in text
    assert "1. call function PrintString of KismetSystemLibrary at (0, 0)" in text
    assert "Links: 1 then to " in text


def test_defaults_that_were_changed_are_named() -> None:
    given = node("K2Node_CallFunction", 'CustomProperties Pin (PinId=1,PinName="Text",DefaultValue="say \\"hi\\"",)')
    assert 'Inputs: Text = "say \\"hi\\"".' in request(given)


def test_the_same_graph_is_always_asked_for_in_the_same_words() -> None:
    assert request(graph("nodePCGSelect")) == request(graph("nodePCGSelect"))
