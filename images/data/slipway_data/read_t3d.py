"""Which instruction pairs does a file of Blueprint clipboard text hold?

One for every node by itself, and one for every linked part of a graph that is short enough to be learnt whole. A node
that is not well formed is left out and told; links to it are cut, as those to nodes that were not copied.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Literal

from slipway_data.counts import CUT_LINKS
from slipway_data.describe import SYSTEM, request
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE, Content, Ids, Parsed, Rejected, instruction
from slipway_formats.t3d import (
    Broken,
    Graph,
    Object,
    T3DError,
    check_links,
    components,
    normalised,
    salvaged,
    serialize,
)

NODES_LIMIT = 12
CHARACTERS_LIMIT = 8000


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[Parsed | Rejected]:
    """Yield every pair in `file`, a rejection for what is not well formed, or one rejection for the file."""
    try:
        found = salvaged(file.text())
    except Refused as error:
        yield error.rejected(file.path)
        return
    except T3DError as error:
        yield Rejected(file.path, UNREADABLE_FILE, f"not T3D: line {error.line}: expected {error.expected}")
        return
    ids = Ids(file.path)
    nodes = ((node, cut) for graph in found.graphs for node, cut in _with_cut_links(graph))
    for at, (node, cut) in enumerate(nodes, start=1):
        columns = {CUT_LINKS: cut} if cut else {}
        yield Parsed(ids.next(node.name or str(at)), pair(Graph((node,)), schema), columns=columns)
    parts = (part for graph in found.graphs for part in components(graph))
    for at, part in enumerate(parts, start=1):
        # Bounded before normalising, which takes time, and again after, which is what is trained.
        if 1 < len(part.objects) <= NODES_LIMIT and len(serialize(normalised(part))) <= CHARACTERS_LIMIT:
            yield Parsed(ids.next(f"part-{at}"), pair(part, schema))
    for broken in found.broken:
        yield _left_out(file.path, ids, broken)


def pair(graph: Graph, schema: Literal["Chat", "Completion"]) -> Content:
    """Return the request for `graph` and its text, short and with nothing left to chance."""
    short = normalised(graph)
    return instruction(request(short), serialize(short).rstrip("\n"), schema, SYSTEM)


def _with_cut_links(graph: Graph) -> Iterator[tuple[Object, dict[str, int]]]:
    """Yield every node, and how many of its links do not hold, by why."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for problem in check_links(graph):
        found[problem.link.start.node][problem.kind] += 1
    for node in graph.objects:
        # Nodes without a name share theirs: each link is told once.
        yield node, dict(found.pop(node.name, ()))


def _left_out(path: str, ids: Ids, broken: Broken) -> Rejected:
    error = broken.error
    pin = f", pin {broken.pin}" if broken.pin else ""
    said = f"line {error.line}{pin}: expected {error.expected}"
    if broken.node is None:
        return Rejected(path, UNREADABLE_FILE, f"{said}: this is no part of a node, delete it")
    cure = "the node is left out and links to it are cut, correct the line or copy the node again"
    return Rejected(ids.next(broken.node or f"line-{error.line}"), UNREADABLE_FILE, f"{said}: {cure}")
