"""Is an answer a valid Unreal Blueprint?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway_formats.t3d import Graph, T3DError, check_links, parse

BLOCK = re.compile(r"^\s*(Begin|End)\s+Object\b", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is valid, and if not, why."""

    valid: bool
    why: str = ""
    objects: int = 0


def judge(text: str, *, cut: bool) -> Verdict:
    """Return whether `text` is T3D with at least one object, all of whose pin links resolve inside it.

    A text that was `cut` by a length limit is judged up to the end of its last whole object; links to nodes that might
    have followed are forgiven, links to nodes that are there are not.
    """
    kept = whole(text) if cut else text
    if not kept.strip():
        return Verdict(False, "no whole object before the limit" if cut else "an empty answer")
    try:
        graph: Graph = parse(kept)
    except T3DError as error:
        return Verdict(False, str(error))
    problems = [p for p in check_links(graph) if not (cut and p.kind == "MissingNode")]
    if problems:
        return Verdict(False, str(problems[0]), len(graph.objects))
    return Verdict(True, "", len(graph.objects))


def whole(text: str) -> str:
    """Return `text` up to the end of the last line that closes a top-level object."""
    depth, end = 0, 0
    for match in BLOCK.finditer(text):
        depth += 1 if match[1] == "Begin" else -1
        if depth == 0:
            line_end = text.find("\n", match.end())
            end = len(text) if line_end < 0 else line_end
    return text[:end]
