"""How near is one graph to another? By the nodes and links that one would have to change.

Nodes of one graph are laid on nodes of the other; what has no counterpart, and what counterparts say differently, is
distance. To find the best such map takes exponential time, so it is found as Smatch does for graphs of meaning (Cai &
Knight, ACL 2013): start from what nodes look like by themselves, then let the links between those laid so far decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from slipway_formats.t3d.links import LEGACY_PIN, links, pins
from slipway_formats.t3d.model import Graph, Object
from slipway_formats.t3d.normal import POSITIONS, normalised

MOST_NODES = 200
"""Nodes after these have no counterpart: time is bounded by their square."""
ROUNDS = 5

Facts = Counter[tuple[str, str]]
Wire = tuple[int, str, int, str]
"""From node and pin, to node and pin: nodes by their place, pins by their name."""
Laid = Mapping[int, int]
"""Node of one graph → its counterpart in the other."""


@dataclass(frozen=True)
class Nearness:
    """How much of two graphs is the same. Nodes may be counterparts in part."""

    nodes: float
    links: int
    all_nodes: int
    """Of both graphs together."""
    all_links: int

    @property
    def similarity(self) -> float:
        """1 for graphs that say the same, 0 for those that have nothing in common: Dice's coefficient."""
        everything = self.all_nodes + self.all_links
        return 2 * (self.nodes + self.links) / everything if everything else 0.0


@dataclass(frozen=True)
class _Shape:
    """What of a graph matters: not where its nodes lie, nor what they are called."""

    nodes: tuple[Facts, ...]
    classes: tuple[str, ...]
    wires: frozenset[Wire]


def nearness(one: Graph, other: Graph) -> Nearness:
    """Return how near two graphs are to each other. Takes seconds at most, and gives the same whenever it is asked."""
    a, b = _shape(normalised(one)), _shape(normalised(other))
    alike = {
        (i, j): _alike(a.nodes[i], b.nodes[j])
        for i, cls in enumerate(a.classes[:MOST_NODES])
        for j, its in enumerate(b.classes[:MOST_NODES])
        if cls == its
    }
    ends, its_ends = _ends(a), _ends(b)
    laid = _lay(alike, lambda i, j: (ends[i] & its_ends[j]).total() / 2)
    best = _same(a, b, laid, alike)
    for _ in range(ROUNDS):
        laid = _lay(alike, _agreeing(a, b, laid))
        found = _same(a, b, laid, alike)
        if found.nodes + found.links <= best.nodes + best.links:
            break
        best = found
    return best


def _same(a: _Shape, b: _Shape, laid: Laid, alike: Mapping[tuple[int, int], float]) -> Nearness:
    kept = sum((laid.get(i), pin, laid.get(k), end) in b.wires for i, pin, k, end in a.wires)
    nodes = sum(alike[pair] for pair in laid.items())
    return Nearness(nodes, kept, len(a.nodes) + len(b.nodes), len(a.wires) + len(b.wires))


def _lay(alike: Mapping[tuple[int, int], float], bonus: Callable[[int, int], float]) -> dict[int, int]:
    """Return which node is laid on which: the pair with the highest score first; of equal ones, that in like places."""
    scored = sorted(alike, key=lambda pair: (-alike[pair] - bonus(*pair), abs(pair[0] - pair[1]), pair))
    laid: dict[int, int] = {}
    taken: set[int] = set()
    for i, j in scored:
        if i not in laid and j not in taken:
            laid[i] = j
            taken.add(j)
    return laid


def _agreeing(a: _Shape, b: _Shape, laid: Laid) -> Callable[[int, int], float]:
    """Return how many links a pair would keep, if all other nodes stayed as they are laid."""
    own: list[list[tuple[str, bool, int, str]]] = [[] for _ in a.nodes]
    for i, pin, k, end in sorted(a.wires):
        own[i].append((pin, True, k, end))
        own[k].append((end, False, i, pin))

    def kept(i: int, j: int) -> float:
        found = 0
        for pin, outward, other, end in own[i]:
            to = j if other == i else laid.get(other)
            wire = (j, pin, to, end) if outward else (to, end, j, pin)
            found += wire in b.wires
        return found / 2

    return kept


def _alike(one: Facts, other: Facts) -> float:
    return 2 * (one & other).total() / (one.total() + other.total())


def _shape(graph: Graph) -> _Shape:
    place = {node.name: at for at, node in enumerate(graph.objects)}
    names = {(node.name, pin.id): (pin.name or pin.id, pin.output) for node in graph.objects for pin in pins(node)}
    wires = set()
    for link in links(graph):
        start, end = (link.start.node, link.start.pin), (link.end.node, link.end.pin)
        # Each end states a link; the one that gives is counted.
        (pin, gives), (other, _) = names[start], names.get(end, ("", False))
        if gives and end in names:
            wires.add((place[start[0]], pin, place[end[0]], other))
    facts = tuple(Counter(_facts(node)) for node in graph.objects)
    return _Shape(facts, tuple(node.short_class for node in graph.objects), frozenset(wires))


def _facts(node: Object) -> Iterator[tuple[str, str]]:
    """Yield what a node says by itself: its class, what it refers to, its pins and their values."""
    yield ("class", node.short_class)
    for key, value in node.properties.items():
        if key not in POSITIONS:
            yield (key, value)
    for pin in pins(node):
        yield (f"pin {'out' if pin.output else 'in'} {pin.name}", pin.type)
        if pin.default:
            yield (f"value {pin.name}", pin.default)
    declared = {inner.name for inner in node.objects if inner.short_class == LEGACY_PIN}
    for inner in node.objects:
        if inner.name not in declared:
            yield from _facts(inner)


def _ends(shape: _Shape) -> list[Counter[tuple[str, bool, str, str]]]:
    """Return of each node how its links look from there: own pin, direction, class and pin at the other end."""
    found: list[Counter[tuple[str, bool, str, str]]] = [Counter() for _ in shape.nodes]
    for i, pin, k, end in shape.wires:
        found[i][pin, True, shape.classes[k], end] += 1
        found[k][end, False, shape.classes[i], pin] += 1
    return found
