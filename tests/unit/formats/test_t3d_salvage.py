"""Is what is well formed of a text kept just as it is, and the rest named?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slipway_formats.t3d import Graph, Object, T3DError, check_links, parse, salvaged
from slipway_formats.t3d.apart import FARTHEST

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "t3d").glob("*.t3d"))
STRUCTURE = re.compile(r"\s*(Begin|End) Object")


def pin(id: str, *links: str, name: str = "then") -> str:
    linked = f"LinkedTo=({','.join(links)},)," if links else ""
    return f'   CustomProperties Pin (PinId={id},PinName="{name}",{linked})\n'


def node(name: str, *lines: str) -> str:
    return f'Begin Object Class=/Script/BlueprintGraph.K2Node_Knot Name="{name}"\n{"".join(lines)}End Object\n'


def names(graphs: tuple[Graph, ...]) -> list[list[str]]:
    return [[one.name for one in graph.objects] for graph in graphs]


CHAIN = node("A", pin("A1", "B B1")) + node("B", pin("B1", "A A1")) + node("C", pin("C1")) + node("D", pin("D1"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_of_a_whole_text_it_is_what_the_parser_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = salvaged(text)
    assert found.graphs == (parse(text),)
    assert found.broken == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('   CustomProperties Pin (PinId=B2,PinName="value",LinkedTo=(A A1,)', "')'"),
        ('   CustomProperties Pin (PinId=B2,PinName="value",DefaultValue="never closed,)', "a closing double quote"),
        ('   CustomProperties Pin (PinId=B2,,PinName="value",)', "Key=Value inside the parentheses"),
    ],
)
def test_a_malformed_pin_costs_its_node_alone_and_is_named(line: str, expected: str) -> None:
    found = salvaged(CHAIN.replace(pin("B1", "A A1"), f"{pin('B1', 'A A1')}{line}\n"))
    assert names(found.graphs) == [["A", "C", "D"]]
    (broken,) = found.broken
    assert (broken.node, broken.pin, broken.error.line, broken.error.expected) == ("B", "value", 6, expected)
    assert [problem.kind for problem in check_links(found.graphs[0])] == ["MissingNode"]


@pytest.mark.parametrize(
    ("wrong", "node", "line"),
    [
        ("what is this\n", None, 7),
        ("```\n\n; a comment\n```\n", None, 7),
        ('Begin Object Name="X"\n   what is this\nEnd Object\n', "X", 8),
        ("Begin Object Name=X\n   A=(1\nEnd Object\n", "X", 8),
        ("Begin Object\n   A=1\nEnd Object\n", "", 7),
        ("Begin Object Class\n   Begin Object Name\n   End Object\nEnd Object\n", "", 7),
        ('Begin Object Name="X\n   A=1\nEnd Object\n', "", 7),
        ('Begin Object Name="X"\n   A=1\n', "X", 8),
        ('Begin Object Name="X"\n   Begin Object Name="Y"\n      A=1\nEnd Object\n', "X", 10),
        ('Begin Object Name="X"\n' * 65 + "End Object\n" * 65, "X", 71),
    ],
)
def test_what_is_wrong_between_good_nodes_costs_none_of_them(wrong: str, node: str | None, line: int) -> None:
    two = len("".join(CHAIN.splitlines(keepends=True)[:6]))
    found = salvaged(CHAIN[:two] + wrong + CHAIN[two:])
    assert names(found.graphs) == [["A", "B", "C", "D"]]
    (broken,) = found.broken
    assert (broken.node, broken.error.line) == (node, line)


@pytest.mark.parametrize("rest", ["End Object\n", "   X=1\nEnd Object\n", "\n; a comment\n   X=1\n"])
def test_a_node_that_ended_too_early_is_none(rest: str) -> None:
    found = salvaged(node("A") + node("B", pin("B1")) + rest + node("C"))
    assert names(found.graphs) == [["A", "C"]]
    assert [broken.node for broken in found.broken] == ["B"]


def test_where_nothing_is_indented_nobody_can_tell_what_an_open_block_holds() -> None:
    flat = "\n".join(line.strip() for line in CHAIN.splitlines())
    at = flat.index("End Object", flat.index('"B"'))
    found = salvaged(flat[:at] + flat[at:].removeprefix("End Object"))
    assert names(found.graphs) == [["A"]]
    assert [broken.node for broken in found.broken] == ["B"]


@pytest.mark.parametrize("text", ["", "; nothing\n", "words\n", node("A", "   words\n"), 'Begin Object Name="A"\n'])
def test_where_nothing_is_left_the_parser_has_the_word(text: str) -> None:
    with pytest.raises(T3DError) as caught:
        salvaged(text)
    with pytest.raises(T3DError) as wanted:
        parse(text)
    assert str(caught.value) == str(wanted.value)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("path", [None, *SAMPLES], ids=lambda p: p.stem if p else "chain")
def test_whatever_happens_to_a_line_no_node_becomes_another_one(path: Path | None, flat: bool) -> None:
    text = CHAIN if path is None else path.read_text(encoding="utf-8")
    lines = [f"{line.strip() if flat else line}\n" for line in text.splitlines()]
    whole = parse(text).objects
    for at, line in enumerate(lines):
        # Without a line of its body a node is well formed, and nobody can tell; a block's begin or end is missed.
        for instead in ("???\n", "") if STRUCTURE.match(line) else ("???\n",) if at % 5 == 0 else ():
            left = nodes("".join([*lines[:at], instead, *lines[at + 1 :]]))
            assert set(left) <= set(whole)
            assert flat or len(left) >= len(whole) - 2, "one line is of one node, or stands between two"


def test_of_a_text_that_is_cut_anywhere_the_nodes_before_are_left() -> None:
    whole = parse(CHAIN).objects
    for end in range(len(CHAIN)):
        complete = CHAIN[:end].count("End Object")
        assert list(whole[:complete]) == nodes(CHAIN[:end])


def nodes(text: str) -> list[Object]:
    try:
        return [one for graph in salvaged(text).graphs for one in graph.objects]
    except T3DError:
        return []


# Graphs that were pasted one after another


def test_two_graphs_whose_names_come_again_are_two() -> None:
    other = CHAIN.replace("PinId=", "PinId=other-").replace("B B1", "B other-B1").replace("A A1", "A other-A1")
    found = salvaged(CHAIN + other)
    assert found.graphs == (parse(CHAIN), parse(other))
    assert found.broken == ()


def test_a_graph_begins_before_the_name_that_comes_again_where_links_say_so() -> None:
    one = node("Event", pin("E", "Call I")) + node("Call", pin("I", "Event E"))
    other = node("Branch", pin("X", "Call Y")) + node("Call", pin("Y", "Branch X"))
    third = node("Event", pin("Z", "Knot K")) + node("Knot", pin("K", "Event Z"))
    found = salvaged(one + other + third)
    assert names(found.graphs) == [["Event", "Call"], ["Branch", "Call", "Event", "Knot"]], "third has names of its own"
    assert [check_links(graph) for graph in found.graphs] == [(), ()]
    assert names(salvaged(one + other + third + one).graphs)[2:] == [["Event", "Call"]]


def test_what_was_pasted_three_times_is_three_graphs() -> None:
    assert salvaged(CHAIN * 3).graphs == (parse(CHAIN),) * 3


def test_nodes_without_a_name_begin_no_graph() -> None:
    nameless = "Begin Object Class=K2Node_Knot\nEnd Object\n"
    assert names(salvaged(nameless + node("A") + nameless + "???\n").graphs) == [["", "A", ""]]


def test_more_names_that_come_again_than_are_looked_through() -> None:
    text = "".join(node(f"N{at}", pin(f"{round}-{at}")) for round in range(2) for at in range(FARTHEST + 100))
    graphs = salvaged(text).graphs
    assert [len(graph.objects) for graph in graphs] == [FARTHEST + 100] * 2
    assert graphs == (Graph(graphs[0].objects), Graph(parse(text[len(text) // 2 :]).objects))
