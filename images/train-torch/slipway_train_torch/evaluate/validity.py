"""Is an answer a valid Unreal Blueprint?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway_formats.t3d import Graph, T3DError, check_links, parse

BLOCK = re.compile(r"^\s*(Begin|End)\s+Object\b", re.MULTILINE)


MARKS = ("validity 2",)
"""Raise it when a verdict means something new: answers judged before are then judged again."""


@dataclass(frozen=True)
class Verdict:
    """What holds of an answer, and why it is not valid, if it is not."""

    parses: bool = False
    nodes_known: bool = False
    links_resolve: bool = False
    why: str = ""
    objects: int = 0

    @property
    def valid(self) -> bool:
        """Whether all of it holds."""
        return self.parses and self.nodes_known and self.links_resolve

    @property
    def layers(self) -> dict[str, bool]:
        """What holds, by the names that reports and tables use."""
        return {"Parses": self.parses, "NodesKnown": self.nodes_known, "LinksResolve": self.links_resolve}


def judge(text: str, known: frozenset[str], *, cut: bool) -> Verdict:
    """Return whether `text` is T3D with at least one object, of `known` classes only, all of whose pin links resolve.

    A text that was `cut` by a length limit is judged up to the end of its last whole object; links to nodes that might
    have followed are forgiven, links to nodes that are there are not.
    """
    kept = whole(text) if cut else text
    if not kept.strip():
        return Verdict(why="no whole object before the limit" if cut else "an empty answer")
    try:
        graph: Graph = parse(kept)
    except T3DError as error:
        return Verdict(why=str(error))
    strange = [
        f"line {node.line}: {node.name} has the class {node.cls or '(none)'}, which no node has"
        for node in graph.objects
        if node.short_class not in known
    ]
    problems = [p for p in check_links(graph) if not (cut and p.kind == "MissingNode")]
    faults = [*strange, *map(str, problems)]
    return Verdict(True, not strange, not problems, faults[0] if faults else "", len(graph.objects))


def whole(text: str) -> str:
    """Return `text` up to the end of the last line that closes a top-level object."""
    depth, end = 0, 0
    for match in BLOCK.finditer(text):
        depth += 1 if match[1] == "Begin" else -1
        if depth == 0:
            line_end = text.find("\n", match.end())
            end = len(text) if line_end < 0 else line_end
    return text[:end]
