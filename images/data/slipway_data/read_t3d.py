"""Which instruction pairs does a file of Blueprint clipboard text hold?

One for every node by itself, and one for every linked part of the graph that is short enough to be learnt whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from slipway_data.describe import SYSTEM, request
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE, Content, Ids, Parsed, Rejected, instruction
from slipway_formats.t3d import Graph, T3DError, components, normalised, parse, serialize

NODES_LIMIT = 12
CHARACTERS_LIMIT = 8000


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[Parsed | Rejected]:
    """Yield every pair in `file`, or one rejection for the file."""
    try:
        graph = parse(file.text())
    except Refused as error:
        yield error.rejected(file.path)
        return
    except T3DError as error:
        yield Rejected(file.path, UNREADABLE_FILE, f"not T3D: {error}")
        return
    ids = Ids(file.path)
    for at, node in enumerate(graph.objects, start=1):
        yield Parsed(ids.next(node.name or str(at)), pair(Graph((node,)), schema))
    for at, part in enumerate(components(graph), start=1):
        # Bounded before normalising, which takes time, and again after, which is what is trained.
        if 1 < len(part.objects) <= NODES_LIMIT and len(serialize(normalised(part))) <= CHARACTERS_LIMIT:
            yield Parsed(ids.next(f"part-{at}"), pair(part, schema))


def pair(graph: Graph, schema: Literal["Chat", "Completion"]) -> Content:
    """Return the request for `graph` and its text, short and with nothing left to chance."""
    short = normalised(graph)
    return instruction(request(short), serialize(short).rstrip("\n"), schema, SYSTEM)
