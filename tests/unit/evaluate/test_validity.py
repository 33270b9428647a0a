"""Which answers are valid Blueprints?"""

from __future__ import annotations

import pytest

from slipway_train_torch.evaluate.validity import judge, whole


def node(name: str, *links: str) -> str:
    linked = f",LinkedTo=({','.join(links)},)" if links else ""
    return (
        f'Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="{name}"\n'
        f'   CustomProperties Pin (PinId=1,PinName="P"{linked})\n'
        "End Object"
    )


KNOWN = frozenset({"K2Node_Knot"})
ONE = node("A")
PAIR = node("A", "B 1") + "\n" + node("B", "A 1")


@pytest.mark.parametrize(
    ("text", "cut", "why"),
    [
        pytest.param(ONE, False, "", id="one node"),
        pytest.param(PAIR, False, "", id="two linked nodes"),
        pytest.param("", False, "empty", id="nothing"),
        pytest.param(f"Here you are:\n{ONE}", False, "line 1: expected Begin Object", id="talk"),
        pytest.param(ONE[:-4], False, "expected", id="not closed"),
        pytest.param(node("A", "B 1"), False, "there is no node B", id="a link to nowhere"),
        pytest.param(node("A", "B 7") + "\n" + node("B", "A 1"), False, "no pin 7", id="a link to no pin"),
        pytest.param(node("A", "B 1") + "\n" + node("B"), False, "does not link back", id="a one-sided link"),
        pytest.param(ONE + "\n" + ONE, False, "a name of its own", id="a node twice"),
        pytest.param(ONE + "\nBegin Object Cla", True, "", id="cut in the second node"),
        pytest.param(node("A", "B 1") + "\nBegin Object Cla", True, "", id="cut before the node linked to"),
        pytest.param(node("A", "A 9") + "\nBegin Object Cla", True, "no pin 9", id="cut, and a link to no pin"),
        pytest.param(ONE.replace("Knot", "MakeCoffee"), False, "K2Node_MakeCoffee, which no node has", id="invented"),
        pytest.param(ONE.replace(" Class=/Script/BlueprintGraph.K2Node_Knot", ""), False, "(none)", id="no class"),
        pytest.param(ONE[:40], True, "no whole object", id="cut in the first node"),
        pytest.param("Sure! " * 50, True, "no whole object", id="cut while talking"),
        pytest.param(f"Sure!\n{ONE}\nBegin", True, "line 1: expected Begin Object", id="talk, then cut"),
    ],
)
def test_verdicts(text: str, cut: bool, why: str) -> None:
    verdict = judge(text, KNOWN, cut=cut)
    assert verdict.valid == (why == ""), verdict.why
    assert why in verdict.why


def test_layers_say_how_far_an_answer_is_right() -> None:
    def passed(text: str, *, cut: bool = False) -> list[str]:
        return [layer for layer, holds in judge(text, KNOWN, cut=cut).layers.items() if holds]

    assert passed(PAIR) == ["Parses", "NodesKnown", "LinksResolve"]
    assert passed("Sure! Here is a Blueprint with two nodes:") == []
    assert passed("") == []
    assert passed(PAIR.replace("Knot", "MakeCoffee")) == ["Parses", "LinksResolve"]
    assert passed(node("A", "C 1")) == ["Parses", "NodesKnown"]
    begun = f"{PAIR}\n{ONE[:40]}"
    assert passed(begun, cut=True) == ["Parses", "NodesKnown", "LinksResolve"]
    assert passed(begun) == []


def test_an_answer_is_kept_to_its_last_whole_object() -> None:
    inner = 'Begin Object Name="A"\n   Begin Object Name="I"\n   End Object\nEnd Object'
    assert whole(f'{inner}\nBegin Object Name="B"\n   Begin Object\n   End Object\n') == inner
    assert whole("no object") == ""
