"""Which pins does a graph have, how are they linked, and does every link hold?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from slipway_formats.t3d import values
from slipway_formats.t3d.model import Custom, Graph, Object, Property

LEGACY_LINK = re.compile(r"LinkedTo\(\d+\)")
LEGACY_PIN = "EdGraphPin"


@dataclass(frozen=True)
class End:
    """One end of a link."""

    node: str
    pin: str

    def __str__(self) -> str:
        return f"{self.node} {self.pin}"


@dataclass(frozen=True)
class Pin:
    """A pin of a node, whichever of the two notations wrote it."""

    id: str
    name: str
    output: bool
    type: str
    links: tuple[End, ...]
    hidden: bool = False
    default: str = ""
    line: int = 0


@dataclass(frozen=True)
class Link:
    """A connection as one of its ends states it."""

    start: End
    end: End
    line: int


@dataclass(frozen=True)
class LinkProblem:
    """A link that does not hold."""

    kind: Literal["MissingNode", "MissingPin", "OneSided"]
    link: Link

    def __str__(self) -> str:
        why = {
            "MissingNode": f"there is no node {self.link.end.node}",
            "MissingPin": f"{self.link.end.node} has no pin {self.link.end.pin}",
            "OneSided": f"{self.link.end} does not link back",
        }[self.kind]
        return f"line {self.link.line}: {self.link.start} is linked to {self.link.end}, but {why}"


def pins(node: Object) -> tuple[Pin, ...]:
    """Return the pins of a node, in order."""
    return (*_modern(node), *_legacy(node))


def links(graph: Graph) -> tuple[Link, ...]:
    """Return every link as each of its ends states it, so a sound link appears twice."""
    return tuple(
        Link(End(node.name, pin.id), end, pin.line) for node in graph.objects for pin in pins(node) for end in pin.links
    )


def check_links(graph: Graph) -> tuple[LinkProblem, ...]:
    """Return the links that lead nowhere or are not known at their other end; none means the graph is whole."""
    known = {(node.name, pin.id) for node in graph.objects for pin in pins(node)}
    nodes = {node.name for node in graph.objects}
    stated = links(graph)
    pairs = {(link.start, link.end) for link in stated}
    found = []
    for link in stated:
        if link.end.node not in nodes:
            found.append(LinkProblem("MissingNode", link))
        elif (link.end.node, link.end.pin) not in known:
            found.append(LinkProblem("MissingPin", link))
        elif (link.end, link.start) not in pairs:
            found.append(LinkProblem("OneSided", link))
    return tuple(found)


def without_dangling(graph: Graph) -> Graph:
    """Return `graph` without the links that do not hold, as it would look after pasting."""
    bad = {(problem.link.start, problem.link.end) for problem in check_links(graph)}
    if not bad:
        return graph
    return Graph(tuple(_unlinked(node, bad) for node in graph.objects))


def components(graph: Graph) -> tuple[Graph, ...]:
    """Return the connected parts of `graph`, in the order of their first nodes."""
    part = {node.name: node.name for node in graph.objects}

    def root(name: str) -> str:
        while part[name] != name:
            name = part[name]
        return name

    for link in links(graph):
        if link.end.node in part:
            part[root(link.end.node)] = root(link.start.node)
    grouped: dict[str, list[Object]] = {}
    for node in graph.objects:
        grouped.setdefault(root(node.name), []).append(node)
    return tuple(Graph(tuple(nodes)) for nodes in grouped.values())


def _modern(node: Object) -> Iterator[Pin]:
    for custom in node.customs:
        if custom.kind != "Pin":
            continue
        get = dict(custom.fields).get
        kind = values.unquoted(get("PinType.PinCategory", ""))
        subtype = values.unquoted(get("PinType.PinSubCategory", ""))
        target = values.last_name(get("PinType.PinSubCategoryObject", ""))
        detail = target if target not in {"", "None"} else subtype
        yield Pin(
            id=get("PinId", ""),
            name=values.unquoted(get("PinName", "")),
            output=values.unquoted(get("Direction", "")) == "EGPD_Output",
            type=f"{kind}:{detail}" if detail else kind,
            links=tuple(_ends(get("LinkedTo", "()"))),
            hidden=get("bHidden", "False") == "True",
            default=values.unquoted(get("DefaultValue", "")),
            line=custom.line,
        )


def _legacy(node: Object) -> Iterator[Pin]:
    """Yield pins of Unreal 4.14 and older, which are objects inside the node, declared first and filled later."""
    declared = {inner.name for inner in node.objects if inner.short_class == LEGACY_PIN}
    for inner in node.objects:
        if inner.name not in declared or inner.cls:
            continue
        kind = dict(values.fields(inner.properties.get("PinType", "()")))
        yield Pin(
            id=inner.name,
            name=values.unquoted(inner.properties.get("PinName", "")),
            output=inner.properties.get("Direction") == "EGPD_Output",
            type=values.unquoted(kind.get("PinCategory", "")),
            links=tuple(_legacy_end(item) for item in _legacy_links(inner)),
            default=values.unquoted(inner.properties.get("DefaultValue", "")),
            line=inner.line,
        )


def _legacy_links(pin: Object) -> Iterator[Property]:
    return (item for item in pin.body if isinstance(item, Property) and LEGACY_LINK.fullmatch(item.key))


def _legacy_end(link: Property) -> End:
    node, _, pin = values.last_path(link.value).partition(".")
    return End(node, pin)


def _ends(raw: str) -> Iterator[End]:
    for part in values.split(raw[1:-1]) if values.is_struct(raw) else ():
        node, _, pin = part.partition(" ")
        yield End(values.unquoted(node), pin.strip())


def _unlinked(node: Object, bad: set[tuple[End, End]]) -> Object:
    declared = {inner.name for inner in node.objects if inner.short_class == LEGACY_PIN}

    def kept(item: Property | Custom | Object) -> Property | Custom | Object:
        if isinstance(item, Custom) and item.kind == "Pin":
            start = End(node.name, item.get("PinId") or "")
            good = [end for end in _ends(item.get("LinkedTo") or "()") if (start, end) not in bad]
            linked = values.struct([("", str(end)) for end in good])
            changed = ((k, linked if k == "LinkedTo" else v) for k, v in item.fields if k != "LinkedTo" or good)
            return replace(item, fields=tuple(changed))
        if isinstance(item, Object) and item.name in declared and not item.cls:
            start = End(node.name, item.name)
            stay = [link for link in _legacy_links(item) if (start, _legacy_end(link)) not in bad]
            rest = [inner for inner in item.body if inner not in set(_legacy_links(item))]
            numbered = (replace(link, key=f"LinkedTo({at})") for at, link in enumerate(stay))
            return replace(item, body=(*rest, *numbered))
        return item

    return replace(node, body=tuple(kept(item) for item in node.body))
