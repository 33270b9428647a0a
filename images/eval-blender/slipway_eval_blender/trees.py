"""What is in a node tree: nodes with what was changed on them, links, and the sockets of a group?"""

from __future__ import annotations

from typing import Any

import bpy

from slipway.contract.blend import Link, Node, NodeTree, Socket
from slipway_eval_blender.rna import Fresh, different, plain, pointers, settings


def tree(owner: Any, nodes: Any, fresh: Fresh) -> NodeTree:
    """Return the material, world or node group `owner`, whose tree is `nodes` (None: it has none)."""
    own = settings(owner)
    is_group = isinstance(owner, bpy.types.NodeTree)
    return NodeTree(
        name=owner.name,
        type=owner.bl_idname if is_group else "",
        # The file keeps what nothing uses; that is no use of it.
        users=owner.users - int(owner.use_fake_user),
        settings={} if is_group else own,
        changed=() if is_group else different(own, _fresh_owner(owner, fresh)),
        nodes=tuple(_node(one, nodes, fresh) for one in nodes.nodes) if nodes is not None else (),
        links=tuple(_link(one) for one in nodes.links) if nodes is not None else (),
        sockets=tuple(_sockets(nodes)) if is_group else (),
    )


def _node(node: Any, nodes: Any, fresh: Fresh) -> Node:
    own, inputs = _settings(node), _inputs(node)
    before, before_inputs = fresh.of(("node", nodes.bl_idname, node.bl_idname), lambda: _fresh_node(nodes, node))
    return Node(
        name=node.name,
        type=node.bl_idname,
        settings=own,
        changed=different(own, before),
        pointers=(*pointers(node), *_pointing_inputs(node)),
        inputs=inputs,
        changed_inputs=different(inputs, before_inputs),
        location=tuple(round(value, 1) for value in node.location),
    )


def _settings(node: Any) -> dict[str, Any]:
    """Return the settings of `node`, with its colour ramp (position, red, green, blue, alpha) or its curves (x, y)."""
    found = settings(node)
    if (ramp := getattr(node, "color_ramp", None)) is not None:
        found["color_ramp"] = [[plain(one.position), *plain(one.color)] for one in ramp.elements]
        found["color_ramp.interpolation"] = ramp.interpolation
    if (mapping := getattr(node, "mapping", None)) is not None and hasattr(mapping, "curves"):
        found["curves"] = [[plain(point.location) for point in curve.points] for curve in mapping.curves]
    return found


def _pointing_inputs(node: Any) -> list[str]:
    values = [(socket.name, getattr(socket, "default_value", None)) for socket in node.inputs]
    return [name for name, value in values if isinstance(value, bpy.types.ID)]


def _inputs(node: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for socket in node.inputs:
        if socket.name in found or not hasattr(socket, "default_value"):
            continue
        value = plain(socket.default_value)
        if value is not None:
            found[socket.name] = value
    return found


def _link(link: Any) -> Link:
    sent, taken = _key(link.from_node.outputs, link.from_socket), _key(link.to_node.inputs, link.to_socket)
    return Link(
        from_node=link.from_node.name,
        from_socket=link.from_socket.name,
        from_index=sent,
        to_node=link.to_node.name,
        to_socket=link.to_socket.name,
        to_index=taken,
    )


def _key(sockets: Any, socket: Any) -> int | None:
    """Return the number of `socket` where its name does not tell it: another of that name comes before."""
    at = next(number for number, one in enumerate(sockets) if one == socket)
    return None if sockets.find(socket.name) == at else at


def _sockets(nodes: Any) -> list[Socket]:
    items = [item for item in nodes.interface.items_tree if item.item_type == "SOCKET"]
    return [Socket(name=one.name, type=one.socket_type, output=one.in_out == "OUTPUT") for one in items]


def _fresh_node(nodes: Any, node: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    scratch = bpy.data.node_groups.new("slipway-scratch", nodes.bl_idname)
    try:
        made = scratch.nodes.new(node.bl_idname)
        return _settings(made), _inputs(made)
    finally:
        bpy.data.node_groups.remove(scratch)


def _fresh_owner(owner: Any, fresh: Fresh) -> dict[str, Any]:
    kind = type(owner).__name__
    folder = {"Material": bpy.data.materials, "World": bpy.data.worlds}.get(kind)
    if folder is None:
        return {}

    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        scratch = folder.new("slipway-scratch")
        try:
            return settings(scratch), {}
        finally:
            folder.remove(scratch)

    return fresh.of((kind,), make)[0]
