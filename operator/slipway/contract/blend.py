"""What is in a .blend file, in words that a program can compare? Written by real Blender, read without it."""

from __future__ import annotations

from typing import Any

from slipway.api.base import StatusModel

Settings = dict[str, Any]
"""Properties of plain types by their identifiers in Blender: numbers, texts, choices, lists of numbers, names."""


class Piece(StatusModel):
    """A modifier or a constraint."""

    name: str
    type: str
    """As Blender writes it, for example ARRAY or TRACK_TO."""
    settings: Settings = {}
    changed: tuple[str, ...] = ()
    """Settings that are not at their defaults."""
    pointers: tuple[str, ...] = ()
    """Settings that are names of other things in the file."""


class Node(StatusModel):
    """One node of a node tree."""

    name: str
    type: str
    """Its bl_idname, for example ShaderNodeBsdfPrincipled."""
    settings: Settings = {}
    changed: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    inputs: Settings = {}
    """Values of input sockets by name; of several with one name the first."""
    changed_inputs: tuple[str, ...] = ()
    """Inputs that are not as a new node of the type has them."""
    location: tuple[float, ...] = ()


class Link(StatusModel):
    """A link between two nodes; sockets are told by name, and by number where several have that name."""

    from_node: str
    from_socket: str
    to_node: str
    to_socket: str
    from_index: int | None = None
    to_index: int | None = None


class Socket(StatusModel):
    """A socket of a node group's own interface."""

    name: str
    type: str
    output: bool = False


class NodeTree(StatusModel):
    """A material, a world, or a node group: a name and its nodes."""

    name: str
    type: str = ""
    """Of a node group: its bl_idname, for example GeometryNodeTree."""
    users: int = 0
    settings: Settings = {}
    changed: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    sockets: tuple[Socket, ...] = ()


class Data(StatusModel):
    """What an object shows: mesh, curve, light, camera, text and so on."""

    name: str
    settings: Settings = {}
    changed: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()


class Mesh(StatusModel):
    """The size of a mesh without modifiers, and what is attached to it."""

    vertices: int
    edges: int
    faces: int
    smooth: bool = False
    """Whether every face is shaded smooth."""
    uv_layers: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    shape_keys: tuple[str, ...] = ()


class Keys(StatusModel):
    """The keyframes of one animated channel."""

    path: str
    index: int = 0
    frames: tuple[tuple[float, float], ...] = ()
    """(frame, value), in order."""


class Object(StatusModel):
    """One object, with lengths in metres and angles in degrees (XYZ Euler)."""

    name: str
    type: str
    location: tuple[float, ...]
    rotation: tuple[float, ...]
    scale: tuple[float, ...]
    dimensions: tuple[float, ...]
    """Of its bounds, modifiers included."""
    parent: str | None = None
    collections: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    """Names of the materials in its slots; empty for an empty slot."""
    modifiers: tuple[Piece, ...] = ()
    constraints: tuple[Piece, ...] = ()
    vertex_groups: tuple[str, ...] = ()
    data: Data | None = None
    mesh: Mesh | None = None
    bones: tuple[str, ...] = ()
    splines: int = 0
    """Of a curve."""
    animation: tuple[Keys, ...] = ()
    properties: Settings = {}
    """Custom properties."""
    hide_render: bool = False
    hide_viewport: bool = False


class Collection(StatusModel):
    """A collection; those directly in the scene have no parent."""

    name: str
    parent: str | None = None
    objects: tuple[str, ...] = ()


class Text(StatusModel):
    """A text block of the text editor."""

    name: str
    body: str


class Scene(StatusModel):
    """What a scene is rendered with."""

    name: str
    camera: str | None = None
    world: str | None = None
    engine: str = ""
    resolution: tuple[float, ...] = ()
    fps: int = 0
    frames: tuple[float, ...] = ()
    """First and last."""
    markers: tuple[str, ...] = ()
    properties: Settings = {}


class Blend(StatusModel):
    """The description of a .blend file; the scene is the one that it was saved in."""

    blender: str = ""
    scene: Scene
    scenes: tuple[str, ...] = ()
    objects: tuple[Object, ...] = ()
    collections: tuple[Collection, ...] = ()
    materials: tuple[NodeTree, ...] = ()
    worlds: tuple[NodeTree, ...] = ()
    node_groups: tuple[NodeTree, ...] = ()
    texts: tuple[Text, ...] = ()
