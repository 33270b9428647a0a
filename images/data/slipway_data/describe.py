"""How would a person ask for this Blueprint graph?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from slipway_formats.t3d import Graph, Object, Pin, pins, values

SYSTEM = (
    "You write Unreal Engine Blueprint graphs as T3D clipboard text. Answer only with T3D. "
    "The first words of every answer are: Begin Object Class="
)
"""It says how an answer begins: small models learn the text long before they dare to open with it."""
ASKS = (
    "Write the Blueprint T3D for {}.",
    "Give me the T3D clipboard text of {}.",
    "Make this as Blueprint T3D: {}.",
)
NAMES = {
    "K2Node_IfThenElse": "branch",
    "K2Node_ExecutionSequence": "sequence",
    "K2Node_Knot": "reroute node",
    "K2Node_Self": "reference to self",
    "K2Node_FunctionEntry": "function entry",
    "K2Node_FunctionResult": "function result",
}
DELEGATES = {
    "K2Node_AddDelegate": "bind event to",
    "K2Node_AssignDelegate": "assign event to",
    "K2Node_RemoveDelegate": "unbind event from",
    "K2Node_ClearDelegate": "unbind all events from",
    "K2Node_CallDelegate": "call dispatcher",
}
VALUES = {
    "CustomFunctionName": "custom event",
    "InputKey": "input key event",
    "InputAxisKey": "input axis value of",
    "AxisKey": "input axis event",
    "TimelineName": "timeline",
    "OpName": "Niagara operation",
    "FunctionDisplayName": "Niagara function",
}
OUTER = {"MaterialGraphNode": "material expression", "PCGEditorGraphNode": "PCG node"}
"""Nodes that only wrap an object inside them."""
INNER_SKIPPED = {"Material", "bCollapsed", "Function", "MaterialExpressionGuid"}
SHORT = 80


def request(graph: Graph) -> str:
    """Return the words that ask for `graph` (in its normalised form): its nodes, pins, values, places and links.

    The same graph is always asked for in the same words.
    """
    opening = ASKS[hashlib.sha256(repr(graph).encode()).digest()[0] % len(ASKS)]
    if len(graph.objects) == 1:
        node = graph.objects[0]
        return "\n".join([opening.format(f"the node {title(node)}"), *_pin_lines(node, "")])
    numbers = {node.name: at for at, node in enumerate(graph.objects, start=1)}
    lines = [opening.format(f"{len(graph.objects)} linked nodes")]
    for node in graph.objects:
        lines += [f"{numbers[node.name]}. {title(node)}{_place(node)}", *_pin_lines(node, "   ")]
    found = [line for node in graph.objects for line in _link_words(node, graph, numbers)]
    return "\n".join([*lines, f"Links: {'; '.join(found)}."])


def title(node: Object) -> str:
    """Return what a person would call `node`."""
    kind, of = node.short_class, node.properties
    for key, words in _member_words(kind).items():
        if key in of:
            name, owner = _member(of[key])
            if not name:
                continue
            return f"{words} {name}{f' of {owner}' if owner else ''}"
    for key, words in VALUES.items():
        if key in of:
            return f"{words} {values.unquoted(of[key])}"
    if kind.endswith("_Comment"):
        return f"comment box {of.get('NodeComment', '')}".rstrip()
    if kind in OUTER:
        return f"{OUTER[kind]} {_inner(node)}"
    target = next((values.last_name(of[key]) for key in ("Enum", "StructType") if key in of), "")
    if "MacroGraphReference" in of:
        kind, target = "macro", values.last_name(dict(values.fields(of["MacroGraphReference"])).get("MacroGraph", ""))
    words = NAMES.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.removeprefix("K2Node_")).lower() or "node"
    return f"{words} {target}".rstrip()


def _member_words(kind: str) -> dict[str, str]:
    """Return the properties that refer to a member, and what a node of class `kind` does with it."""
    return {
        "FunctionReference": "operator" if kind.endswith("Operator") else "call function",
        "EventReference": "event",
        "DelegateReference": DELEGATES.get(kind, "event dispatcher"),
        "VariableReference": "set variable" if kind.endswith("Set") else "get variable",
    }


def _member(reference: str) -> tuple[str, str]:
    """Return name and owner of a member reference."""
    found = dict(values.fields(reference)) if values.is_struct(reference) else {}
    return values.unquoted(found.get("MemberName", "")), values.last_name(found.get("MemberParent", ""))


def _inner(node: Object) -> str:
    """Return what the objects inside a node say: their classes, and their short values."""
    inside = list(_blocks(node))
    kinds = [re.sub(r"^(MaterialExpression|PCG)", "", o.short_class) or o.short_class for o in inside if o.cls]
    said = [
        f"{key}={value}"
        for inner in inside
        if not inner.cls
        for key, value in inner.properties.items()
        if key not in INNER_SKIPPED and len(value) <= SHORT and "'" not in value
    ]
    shown = ", ".join(dict.fromkeys(kind for kind in kinds if kind != "Pin"))
    return " ".join(filter(None, [shown, f"with {', '.join(said)}" if said else ""]))


def _blocks(node: Object) -> Iterator[Object]:
    for inner in node.objects:
        yield inner
        yield from _blocks(inner)


def _pin_lines(node: Object, indent: str) -> list[str]:
    found = [pin for pin in pins(node) if not pin.hidden]
    sides = (("Inputs", [p for p in found if not p.output]), ("Outputs", [p for p in found if p.output]))
    return [f"{indent}{name}: {', '.join(map(_pin, side))}." for name, side in sides if side]


def _pin(pin: Pin) -> str:
    words = f"{pin.name or 'execute'} {pin.type}".rstrip()
    return f"{words} = {values.quoted(pin.default)}" if pin.default else words


def _place(node: Object) -> str:
    x, y = (node.properties.get(key, "0") for key in ("NodePosX", "NodePosY"))
    return f" at ({x}, {y})"


def _link_words(node: Object, graph: Graph, numbers: dict[str, int]) -> list[str]:
    names = {(n.name, pin.id): pin.name for n in graph.objects for pin in pins(n)}
    return [
        f"{numbers[node.name]} {pin.name} to {numbers[end.node]} {names[end.node, end.pin]}"
        for pin in pins(node)
        if pin.output
        for end in pin.links
    ]
