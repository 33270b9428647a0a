"""What is in a .blend file, in words that a program can compare? Written by real Blender, read without it."""

from __future__ import annotations

from typing import Any, Literal

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


class Primitive(StatusModel):
    """A shape that Blender itself makes: bpy.ops.mesh.primitive_KIND_add with `settings` gives this very mesh."""

    kind: str
    """As the operator's name has it, for example cube or uv_sphere."""
    settings: Settings = {}
    """All arguments that shape it, those at their defaults too."""


class Spline(StatusModel):
    """One spline of a curve whose points have no tilt, and radius and weight 1."""

    type: str
    """BEZIER, POLY or NURBS."""
    settings: Settings = {}
    changed: tuple[str, ...] = ()
    points: tuple[tuple[float, ...], ...] = ()
    """(x, y, z); of BEZIER followed by those of the left and of the right handle."""
    handles: tuple[tuple[str, ...], ...] = ()
    """Of BEZIER: the types of the left and the right handle of each point, for example AUTO."""


class Empty(StatusModel):
    """How an empty is drawn."""

    display: str
    """As Blender writes it, for example PLAIN_AXES or SPHERE."""
    size: float


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
    moved_by_deltas: bool = False
    """Whether delta transforms are added to the three above."""
    parent: str | None = None
    parent_type: str = ""
    """What of the parent it follows, for example OBJECT or BONE."""
    parent_inverse: Literal["None", "OfParent", "Other"] = "None"
    """What is multiplied between it and its parent: nothing, the inverse of the parent's place (so that parenting left
    it where it was), or something else."""
    collections: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    """Names of the materials in its slots; empty for an empty slot."""
    modifiers: tuple[Piece, ...] = ()
    constraints: tuple[Piece, ...] = ()
    vertex_groups: tuple[str, ...] = ()
    data: Data | None = None
    mesh: Mesh | None = None
    primitive: Primitive | None = None
    """Of a mesh: the shape of Blender's own that it is, point by point."""
    empty: Empty | None = None
    bones: tuple[str, ...] = ()
    splines: int = 0
    """Of a curve."""
    curve: tuple[Spline, ...] = ()
    """Of a curve: its splines, where they are few and simple enough to be told."""
    plain_text: bool = False
    """Of a text: whether it has one format throughout, and no boxes."""
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
