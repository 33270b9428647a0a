"""Is a graph near to those that say nearly the same?"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from slipway_formats.t3d import Graph, normalised, parse
from slipway_formats.t3d.distance import MOST_NODES, nearness

GRAPHS = sorted((Path(__file__).parents[2] / "data" / "t3d").glob("*.t3d"))


def node(name: str, value: str = "", to: str = "", back: str = "", at: int = 0) -> str:
    out = f",LinkedTo=({to} 1,)" if to else ""
    into = f",LinkedTo=({back} 2,)" if back else ""
    default = f',DefaultValue="{value}"' if value else ""
    return (
        f'Begin Object Class=/Script/BlueprintGraph.K2Node_CallFunction Name="{name}"\n   NodePosX={at}\n'
        f'   CustomProperties Pin (PinId=1,PinName="execute"{into})\n'
        f'   CustomProperties Pin (PinId=2,PinName="then",Direction="EGPD_Output"{out})\n'
        f'   CustomProperties Pin (PinId=3,PinName="text"{default})\nEnd Object\n'
    )


def chain(values: str, prefix: str = "N") -> str:
    names = [f"{prefix}{at}" for at in range(len(values))]
    return "".join(
        node(name, value, names[at + 1] if at + 1 < len(names) else "", names[at - 1] if at else "", at=at * 16)
        for at, (name, value) in enumerate(zip(names, values, strict=True))
    )


def near(one: str, other: str) -> float:
    return nearness(parse(one), parse(other)).similarity


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_is_itself_in_short_form_and_in_any_order(path: Path) -> None:
    graph = parse(path.read_text(encoding="utf-8"))
    assert nearness(graph, graph).similarity == pytest.approx(1)
    assert nearness(normalised(graph), graph).similarity == pytest.approx(1)
    turned = Graph(tuple(reversed(graph.objects)))
    assert nearness(turned, graph).similarity > 0.9, "ids inside values follow the order"


def test_names_places_and_order_are_no_matter() -> None:
    parts = chain("abcd", "X").split("End Object\n")[:-1]
    random.Random(1).shuffle(parts)
    moved = "".join(f"{part}End Object\n" for part in parts).replace("NodePosX=16", "NodePosX=999")
    assert near(moved, chain("abcd")) == pytest.approx(1)


def test_nodes_that_look_alike_are_told_apart_by_their_links() -> None:
    turned = chain("aaaa").split("End Object\n")[:-1]
    assert near("".join(f"{part}End Object\n" for part in reversed(turned)), chain("aaaa")) == pytest.approx(1)


def test_every_change_costs_and_more_cost_more() -> None:
    wanted = chain("abcd")
    value = near(chain("abxd"), wanted)
    shorter = near(chain("abc"), wanted)
    unlinked = near(node("A", "a") + node("B", "b") + node("C", "c") + node("D", "d"), wanted)
    foreign = near(chain("abcd").replace("K2Node_CallFunction", "K2Node_Other"), wanted)
    assert 0.95 < value < 1
    assert shorter == pytest.approx(2 * (3 + 2) / (3 + 2 + 4 + 3), abs=1e-9)
    assert unlinked == pytest.approx(2 * 4 / (4 + 4 + 3))
    assert foreign == 0.0


def test_a_link_that_goes_elsewhere_costs_a_link() -> None:
    other = node("A", "a", "C") + node("B", "b") + node("C", "c", back="A")
    wanted = node("A", "a", "B") + node("B", "b", back="A") + node("C", "c")
    assert near(other, wanted) < near(wanted, wanted) == pytest.approx(1)


def test_it_is_the_same_from_both_sides() -> None:
    one, other = chain("abcd"), chain("bcx")
    assert near(one, other) == pytest.approx(near(other, one))


def test_one_node_is_far_from_a_graph_whatever_it_is() -> None:
    assert near(node("N", "a"), chain("abcd")) <= 2 / (1 + 4 + 3)


def test_large_graphs_take_bounded_time() -> None:
    text = chain("a" * (2 * MOST_NODES))
    begun = time.process_time()
    found = nearness(parse(text), parse(text))
    assert 0.4 < found.similarity <= 0.51, "what comes after the bound has no counterpart"
    assert time.process_time() - begun < 60
