"""How is a graph written as T3D text?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from slipway_formats.t3d import values
from slipway_formats.t3d.model import Custom, Graph, Object, Property

INDENT = "   "


def serialize(graph: Graph) -> str:
    """Return the T3D text of `graph`; parsing it gives an equal graph."""
    return "".join(line + "\n" for item in graph.objects for line in _lines(item, ""))


def _lines(item: Property | Custom | Object, indent: str) -> Iterator[str]:
    match item:
        case Property():
            yield f"{indent}{_key(item.key)}={item.value}"
        case Custom():
            yield f"{indent}CustomProperties {item.kind} {values.struct(list(item.fields))}"
        case Object():
            header = "".join(f" {key}={value}" for key, value in item.header)
            yield f"{indent}Begin Object{header}"
            for inner in item.body:
                yield from _lines(inner, indent + INDENT)
            yield f"{indent}End Object"


def _key(key: str) -> str:
    name, index = re.fullmatch(r"(.*?)(\(\d+\)|\[\d+\])?", key, re.DOTALL).groups()  # type: ignore[union-attr]
    plain = re.fullmatch(r"[A-Za-z_][\w.:-]*", name)
    return (name if plain else values.quoted(name)) + (index or "")
