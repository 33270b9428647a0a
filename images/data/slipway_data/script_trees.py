"""Which Python makes the materials, worlds and node groups of a .blend file?"""

from __future__ import annotations

from collections.abc import Iterator

from slipway.contract.blend import Blend, Link, Node, NodeTree
from slipway_data.script import Left, Script, assignments, literal, script, spoken, variable, words

GROUPS = {
    "ShaderNodeTree": "shader",
    "GeometryNodeTree": "geometry",
    "CompositorNodeTree": "compositor",
    "TextureNodeTree": "texture",
}
RAMP = 2
"""Stops of a fresh colour ramp."""
TAKEN = ("bpy", "nodes", "links", "material", "world", "group")


def scripts(blend: Blend) -> Iterator[Script | Left]:
    """Yield a script for every tree that has nodes and stands alone, and why there is none for one that does not."""
    for kind, folder, trees in (
        ("material", "materials", blend.materials),
        ("world", "worlds", blend.worlds),
    ):
        for tree in trees:
            if why := _why_not(tree):
                yield Left(f"{kind}-{tree.name}", why)
            elif tree.nodes:
                made = [f"{kind} = bpy.data.{folder}.new({tree.name!r})", f"{kind}.use_nodes = True"]
                made += assignments(kind, tree.settings, [name for name in tree.changed if name != "use_nodes"])
                yield _script(tree, kind, f"the Blender {kind} {tree.name}", [*made, _handles(kind), "nodes.clear()"])
    for tree in blend.node_groups:
        if why := _why_not(tree):
            yield Left(f"group-{tree.name}", why)
        elif tree.nodes:
            kind = f"{GROUPS.get(tree.type, '')} node group".strip()
            made = [f"group = bpy.data.node_groups.new({tree.name!r}, {tree.type!r})"]
            made += [
                f"group.interface.new_socket({one.name!r}, in_out={'OUTPUT' if one.output else 'INPUT'!r}, "
                f"socket_type={one.type!r})"
                for one in tree.sockets
            ]
            yield _script(
                tree, "group", f"the Blender {kind} {tree.name}", [*made, "nodes, links = group.nodes, group.links"]
            )


def _why_not(tree: NodeTree) -> str:
    """Return why `tree` cannot be made without other things of its file, or by the few lines that are written here."""
    for node in tree.nodes:
        changed = {*node.changed, *node.changed_inputs}
        if set(node.pointers) & changed:
            return "one of its nodes points to something else in the file"
        if "curves" in changed:
            return "one of its nodes has curves"
        if "color_ramp" in changed and len(node.settings["color_ramp"]) < RAMP:
            return "one of its nodes has a ramp of one colour"
    return ""


def _handles(kind: str) -> str:
    return f"nodes, links = {kind}.node_tree.nodes, {kind}.node_tree.links"


def _script(tree: NodeTree, kind: str, what: str, made: list[str]) -> Script:
    taken = set(TAKEN)
    names = {node.name: variable(node.name, taken) for node in tree.nodes}
    code = ["import bpy", "", *made]
    for node in tree.nodes:
        code += _made(node, names[node.name])
    code += [_linked(link, names) for link in tree.links]
    details = [f"Nodes: {'; '.join(_told(node) for node in tree.nodes)}."]
    if tree.sockets:
        sockets = (f"{one.name} ({one.type.removeprefix('NodeSocket')}, {'output' if one.output else 'input'})"
                   for one in tree.sockets)  # fmt: skip
        details.append(f"Its own sockets: {', '.join(sockets)}.")
    if tree.links:
        details.append(f"Links: {'; '.join(_told_link(link) for link in tree.links)}.")
    return script(f"{kind}-{tree.name}", what, details, code)


def _made(node: Node, name: str) -> list[str]:
    lines = [f"{name} = nodes.new({node.type!r})", f"{name}.name = {node.name!r}"]
    lines += assignments(name, node.settings, [one for one in node.changed if one != "color_ramp"])
    if "color_ramp" in node.changed:
        lines += _ramp(name, node.settings["color_ramp"])
    lines += [
        f"{name}.inputs[{socket!r}].default_value = {literal(node.inputs[socket])}" for socket in node.changed_inputs
    ]
    return [*lines, f"{name}.location = {literal(list(node.location))}"] if node.location else lines


def _ramp(name: str, stops: list[list[float]]) -> list[str]:
    """Return the lines that move the two stops of a fresh ramp to its ends, and add the others between them."""
    first, *between, last = stops
    lines = [f"{name}.color_ramp.elements[{at}].position = {literal(stop[0])}" for at, stop in ((0, first), (1, last))]
    lines += [f"{name}.color_ramp.elements[{at}].color = {literal(stop[1:])}" for at, stop in ((0, first), (1, last))]
    return lines + [f"{name}.color_ramp.elements.new({literal(one[0])}).color = {literal(one[1:])}" for one in between]


def _linked(link: Link, names: dict[str, str]) -> str:
    sent = repr(link.from_socket) if link.from_index is None else str(link.from_index)
    taken = repr(link.to_socket) if link.to_index is None else str(link.to_index)
    return f"links.new({names[link.from_node]}.outputs[{sent}], {names[link.to_node]}.inputs[{taken}])"


def _told(node: Node) -> str:
    said = [words(node.settings, node.changed)] if node.changed else []
    said += [f"{socket} {spoken(node.inputs[socket])}" for socket in node.changed_inputs]
    named = node.type if node.type.lower().endswith(node.name.lower()) else f"{node.type} named {node.name}"
    return f"{named} ({', '.join(said)})" if said else named


def _told_link(link: Link) -> str:
    return f"{link.from_node} {link.from_socket} to {link.to_node} {link.to_socket}"
