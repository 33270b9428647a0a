"""How near are answers to what was wanted, and can a constant be near?"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from slipway_formats.t3d import components, normalised, parse, serialize
from slipway_pod.errors import BadData
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.likeness import figures
from slipway_train_torch.evaluate.results import Figure

EXAMPLE = Path(__file__).parents[3] / "examples" / "blueprint-assistant"
GRAPHS = Path(__file__).parents[2] / "data" / "t3d"


def asked() -> list[Item]:
    """Return an item for each linked part of Unreal's own graphs."""
    parts = [part for path in sorted(GRAPHS.glob("*.t3d")) for part in components(parse(path.read_text()))]
    return [Item(f"i{at}", f"g{at}", completion=serialize(normalised(part))) for at, part in enumerate(parts)]


def answered(items: list[Item], texts: list[str], *, cut: bool = False) -> list[Figure]:
    said = [
        Figure(item.id, item.group, 0.0, 1.0, {"answer": text, "cut": cut})
        for item, text in zip(items, texts, strict=True)
    ]
    return list(figures(items, said))


def mean(found: list[Figure]) -> float:
    return sum(figure.amount for figure in found) / len(found)


def test_what_was_wanted_is_worth_everything_and_talk_nothing() -> None:
    items = asked()
    assert len(items) > 5
    assert mean(answered(items, [item.wanted for item in items])) == pytest.approx(1)
    assert mean(answered(items, ["Sure! Here you are:"] * len(items))) == 0
    assert mean(answered(items, [""] * len(items), cut=True)) == 0


def test_no_constant_is_worth_much() -> None:
    items = asked()
    constants = [mean(answered(items, [item.wanted] * len(items))) for item in items]
    examples = [yaml.safe_load((EXAMPLE / name).read_text()) for name in ("training-v2.yaml", "one-run/training.yaml")]
    gates = [gate for one in examples for gate in one["spec"]["evaluation"]["gates"]]
    wanted = [float(gate["min"]) for gate in gates if gate["metric"] == "blueprint-distance"]
    assert len(wanted) == 2
    assert max(constants) < min(wanted), "a valid graph whatever was asked for passes blueprintValidity, and not this"


def test_an_answer_that_was_cut_is_judged_to_its_last_node() -> None:
    items = asked()[:1]
    begun = items[0].wanted + "\nBegin Object Cla"
    assert answered(items, [begun])[0].amount == 0
    (figure,) = answered(items, [begun], cut=True)
    assert figure.amount == pytest.approx(1)
    assert figure.note["answer"] == begun


def test_a_model_that_counts_without_end_is_only_wrong() -> None:
    item = asked()[0]
    endless = (
        'Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="A"\n   NodePosX=' + "1" * 9000 + "\nEnd Object"
    )
    (figure,) = answered([item], [endless])
    assert 0 <= figure.amount < 1


def test_a_row_that_wants_no_graph_is_named() -> None:
    item = Item("a#1", "g", completion="Press the button.")
    with pytest.raises(BadData, match=r"the answer that row a#1 wants is no T3D") as refused:
        answered([item], ["x"])
    assert refused.value.reason == "NoBlueprint"
