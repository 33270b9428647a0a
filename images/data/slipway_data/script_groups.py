"""Which Python makes objects that belong together: an object with its children, a collection with its objects?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.contract.blend import Blend, Collection, Object
from slipway_data.script import Left, Script, script, variable
from slipway_data.script_things import made, place

MOST = 64
"""Objects that somebody would ask for together."""


@dataclass(frozen=True)
class Together:
    """How objects are made: the lines, a sentence for each, and their variables."""

    code: tuple[str, ...]
    told: tuple[str, ...]
    names: tuple[str, ...]


def scripts(blend: Blend) -> Iterator[Script | Left]:
    """Yield a script for every object with all its children, and for every collection with the objects in it."""
    children: dict[str, list[Object]] = {}
    for thing in blend.objects:
        if thing.parent is not None:
            children.setdefault(thing.parent, []).append(thing)
    for thing in blend.objects:
        if thing.parent is None and thing.name in children:
            yield _family(thing, children)
    known = {thing.name: thing for thing in blend.objects}
    for one in blend.collections:
        if one.objects:
            yield _collection(one, [known[name] for name in one.objects if name in known])


def _family(root: Object, children: Mapping[str, Sequence[Object]]) -> Script | Left:
    name, found = f"family-{root.name}", _together(_with_children([root], children), {"bpy"})
    if isinstance(found, str):
        return Left(name, found)
    what = f"the Blender object {root.name} with its children"
    return script(name, what, found.told, ["import bpy", "", *found.code])


def _collection(of: Collection, members: Sequence[Object]) -> Script | Left:
    name, inside = f"collection-{of.name}", {thing.name for thing in members}
    if any(thing.parent is not None and thing.parent not in inside for thing in members):
        return Left(name, "an object in it has a parent that is not")
    children: dict[str, list[Object]] = {}
    for thing in members:
        children.setdefault(thing.parent or "", []).append(thing)
    found = _together(_with_children(children.get("", ()), children), {"bpy", "collection", "one"})
    if isinstance(found, str):
        return Left(name, found)
    code = [
        "import bpy",
        "",
        *found.code,
        f"collection = bpy.data.collections.new({of.name!r})",
        "bpy.context.scene.collection.children.link(collection)",
        f"for one in ({', '.join(found.names)},):",
        "    bpy.context.collection.objects.unlink(one)",
        "    collection.objects.link(one)",
    ]
    return script(name, f"the Blender collection {of.name} with the objects in it", found.told, code)


def _with_children(roots: Sequence[Object], children: Mapping[str, Sequence[Object]]) -> list[Object]:
    """Return `roots`, their children, the children of these, and so on: parents before children, siblings together."""
    found = list(roots)
    for at in range(MOST):
        if at >= len(found):
            break
        found += children.get(found[at].name, ())
    return found


def _together(members: Sequence[Object], taken: set[str]) -> Together | str:
    """Return how `members` are made, of whom parents come first, or why they cannot be."""
    if len(members) > MOST:
        return f"there are more than {MOST} objects in it"
    taken |= {"thing", "spline", "point"}
    names = {thing.name: variable(thing.name, taken) for thing in members}
    code, told = [], []
    for thing in members:
        found = made(thing, names[thing.name], taken)
        if isinstance(found, Left):
            return f"one of its objects is not: {found.why}"
        if thing.parent is not None and thing.parent_type != "OBJECT":
            return "one of its objects follows a bone or vertices, not an object"
        if thing.parent_inverse == "Other":
            return "the parent of one of its objects was moved after it became that"
        code += [*found.code, *_parented(thing, names)]
        told.append(" ".join((f"There is {found.what}, {_where(thing)}.", *found.details)))
    return Together(tuple(code), tuple(told), tuple(names.values()))


def _parented(thing: Object, names: Mapping[str, str]) -> list[str]:
    if thing.parent is None:
        return []
    own, parent = names[thing.name], names[thing.parent]
    lines = [f"{own}.parent = {parent}"]
    if thing.parent_inverse == "OfParent":
        # Where the parent is has to be worked out before.
        lines = ["bpy.context.view_layer.update()", *lines]
        lines.append(f"{own}.matrix_parent_inverse = {parent}.matrix_world.inverted()")
    return lines


def _where(thing: Object) -> str:
    if thing.parent is None:
        return place(thing)
    kept = ", staying where it is" if thing.parent_inverse == "OfParent" else " and placed relative to it"
    return f"{place(thing)}, a child of {thing.parent}{kept}"
