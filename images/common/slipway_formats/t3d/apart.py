"""Where does one graph end and the next begin, when several were pasted into one text?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from slipway_formats.t3d.links import pins
from slipway_formats.t3d.model import Graph, Object

FARTHEST = 1000
"""Nodes before one whose name comes again, among which the next graph may begin: time is bounded by it."""


def apart(nodes: Sequence[Object]) -> Iterator[Graph]:
    """Yield `nodes` as graphs in which no name comes twice.

    Unreal counts names in each Blueprint from zero, so graphs of two have some in common, seldom that of their first
    nodes. So a graph ends not where a name comes again but somewhere before, where the fewest links are cut.
    """
    crossing = _crossing(nodes)
    first, last = 0, dict[str, int]()
    for at, node in enumerate(nodes):
        before = last.get(node.name, -1) if node.name else -1
        if before >= first:
            places = range(max(before + 1, at - FARTHEST), at + 1)
            cut = min(places, key=lambda place: (crossing[place], -place))
            yield Graph(tuple(nodes[first:cut]))
            first = cut
        last[node.name] = at
    yield Graph(tuple(nodes[first:]))


def _crossing(nodes: Sequence[Object]) -> list[int]:
    """Return for each place between nodes how many links lead over it.

    A link counts where one node alone can be its end: of graphs that were pasted twice, the first copy says as much.
    """
    owners: dict[tuple[str, str], int | None] = {}
    for at, node in enumerate(nodes):
        for pin in pins(node):
            owners[node.name, pin.id] = at if (node.name, pin.id) not in owners else None
    change = [0] * (len(nodes) + 1)
    for at, node in enumerate(nodes):
        for end in (end for pin in pins(node) for end in pin.links):
            other = owners.get((end.node, end.pin))
            if other is not None:
                change[min(at, other) + 1] += 1
                change[max(at, other) + 1] -= 1
    return list(accumulate(change))
