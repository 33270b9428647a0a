"""Which scripts give objects modifiers and constraints? One for each that Blender has, with its own settings."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from api import Api, Lesson, Property, key
from drawn import Draw, an, each, lesson, listed
from objects import OBJECT, added, named

COMMON = frozenset(
    each(
        "ARRAY BEVEL BOOLEAN BUILD CAST DECIMATE DISPLACE MIRROR REMESH SCREW SIMPLE_DEFORM SKIN SMOOTH SOLIDIFY "
        "SUBSURF TRIANGULATE WAVE WELD WIREFRAME"
    )
)
"""Those that people use most."""
TARGETED = frozenset(
    each(
        "COPY_LOCATION COPY_ROTATION COPY_SCALE COPY_TRANSFORMS LIMIT_DISTANCE DAMPED_TRACK LOCKED_TRACK STRETCH_TO "
        "TRACK_TO CHILD_OF FLOOR PIVOT"
    )
)
"""Constraints to another object."""
OF_OTHERS = ("GREASE_PENCIL", "VOLUME", "MESH_TO_VOLUME", "FLUID")
"""Of other objects than meshes, or of no use alone."""
INTERNAL = ("invert", "is_", "use_pin", "show_", "vertex_group")
PAIRED = ("boundary_smooth", "custom", "use_apply_on_spline")


def modifiers(api: Api, chance: random.Random) -> Iterator[Lesson]:
    """Yield lessons on modifiers; those that people use most come more often."""
    draw = Draw(chance)
    classes = {key(name.removesuffix("Modifier")): own for name, own in api.subclasses("Modifier").items()}
    for kind, label in sorted(api.items("ObjectModifierTypeItems").items()):
        own = [one for one in classes.get(key(kind), ()) if _plain(one)]
        if kind.startswith(OF_OTHERS) or key(kind) not in classes:
            continue
        for _ in range(12 if kind in COMMON else 2):
            yield _modifier(draw, kind, label, own)
    for _ in range(40):
        yield _several(draw, api.items("ObjectModifierTypeItems"))
    for _ in range(25):
        yield _mirror(draw)
        yield _boolean(draw)
    for _ in range(20):
        yield _applied(draw, api.items("ObjectModifierTypeItems"))


def constraints(api: Api, chance: random.Random) -> Iterator[Lesson]:
    """Yield lessons on constraints."""
    draw = Draw(chance)
    labels = api.items("ConstraintTypeItems")
    classes = {key(name.removesuffix("Constraint")): own for name, own in api.subclasses("Constraint").items()}
    for kind in sorted(TARGETED & labels.keys()):
        for _ in range(5):
            yield _targeted(draw, kind, labels[kind])
    for kind in ("LIMIT_LOCATION", "LIMIT_ROTATION", "LIMIT_SCALE"):
        own = classes[key(kind)]
        for _ in range(10):
            yield _limit(draw, kind, labels[kind], [one for one in own if one.name.startswith(("min_", "max_"))])


def _plain(one: Property) -> bool:
    return not one.name.startswith((*INTERNAL, *PAIRED))


def _modifier(draw: Draw, kind: str, label: str, own: Sequence[Property]) -> Lesson:
    words = label if label.isupper() else label.lower()
    if draw.likely(55):
        shape, add = added(draw)
        asked, code = f"{draw.one(('Add', 'Create'))} {an(shape)} with {an(words)} modifier", [add, OBJECT]
    elif draw.likely(60):
        name, find = named(draw)
        asked, code = f"{draw.one(('Give the object', 'Add to the object'))} {name} {an(words)} modifier", [find]
    else:
        asked, code = f"Add {an(words)} modifier to the active object", [OBJECT]
    code.append(f'mod = obj.modifiers.new("{label}", "{kind}")')
    chosen = {one: draw.value(one) for one in draw.some(_easy(draw, own), 3)} if own else {}
    said = [draw.said(one, value) for one, value in chosen.items()]
    if said:
        asked += draw.one((" with ", ": ", " of ")) + listed(said)
    code += [f"mod.{one.name} = {_literal(value)}" for one, value in chosen.items()]
    return lesson(f"{asked}.", code)


def _easy(draw: Draw, own: Sequence[Property]) -> list[Property]:
    """Return mostly the numbers, which people ask for most."""
    numbers = [one for one in own if one.type in ("int", "float")]
    return numbers if numbers and draw.likely(70) else list(own)


def _several(draw: Draw, labels: dict[str, str]) -> Lesson:
    kinds = draw.chance.sample(sorted(COMMON & labels.keys()), 2)
    told = f"{an(labels[kinds[0]].lower())} modifier and then {an(labels[kinds[1]].lower())} modifier"
    made = [f'obj.modifiers.new("{labels[kind]}", "{kind}")' for kind in kinds]
    if draw.likely(50):
        name, find = named(draw)
        return lesson(f"Give the object {name} {told}.", [find, *made])
    code = ["for obj in bpy.data.objects:", '    if obj.type == "MESH":', *(f"        {line}" for line in made)]
    return lesson(f"Give all mesh objects {told}.", code)


def _mirror(draw: Draw) -> Lesson:
    name, find = named(draw)
    axes = draw.chance.choice(((True, False, False), (False, True, False), (False, False, True), (True, True, False)))
    words = listed([axis for axis, on in zip("xyz", axes, strict=True) if on])
    code = [find, 'mod = obj.modifiers.new("Mirror", "MIRROR")', f"mod.use_axis = {axes}"]
    return lesson(f"Mirror the object {name} on {words} with a mirror modifier.", code)


def _boolean(draw: Draw) -> Lesson:
    one, two = draw.names(2)
    kind, words = draw.chance.choice(
        (
            ("DIFFERENCE", f"Subtract {two} from {one}"),
            ("UNION", f"Unite {one} with {two}"),
            ("INTERSECT", f"Intersect {one} with {two}"),
        )
    )
    code = [
        f'obj = bpy.data.objects["{one}"]',
        'mod = obj.modifiers.new("Boolean", "BOOLEAN")',
        f'mod.operation = "{kind}"',
        f'mod.object = bpy.data.objects["{two}"]',
    ]
    return lesson(f"{words} by a boolean modifier.", code)


def _applied(draw: Draw, labels: dict[str, str]) -> Lesson:
    (name, find), kind = named(draw), draw.one(("SOLIDIFY", "BEVEL", "DECIMATE", "SUBSURF", "TRIANGULATE", "WIREFRAME"))
    code = [
        find,
        "bpy.context.view_layer.objects.active = obj",
        f'obj.modifiers.new("{labels[kind]}", "{kind}")',
        f'bpy.ops.object.modifier_apply(modifier="{labels[kind]}")',
    ]
    return lesson(f"Add {an(labels[kind].lower())} modifier to {name} and apply it.", code)


def _targeted(draw: Draw, kind: str, label: str) -> Lesson:
    one, two = draw.names(2)
    code = [
        f'obj = bpy.data.objects["{one}"]',
        f'con = obj.constraints.new("{kind}")',
        f'con.target = bpy.data.objects["{two}"]',
    ]
    asked = draw.one(("Give {a} a {c} constraint to {b}.", "Add a {c} constraint to {a} with the target {b}."))
    return lesson(asked.format(a=one, b=two, c=label), code)


def _limit(draw: Draw, kind: str, label: str, bounds: Sequence[Property]) -> Lesson:
    name, find = named(draw)
    chosen = {one: draw.length() for one in draw.some(bounds, 2)}
    use = "use_{}" if kind != "LIMIT_ROTATION" else "use_limit_{}"
    code = [find, f'con = obj.constraints.new("{kind}")']
    for one, value in chosen.items():
        switch = use.format(one.name if kind != "LIMIT_ROTATION" else one.name[-1])
        code += [f"con.{switch} = True", f"con.{one.name} = {value}"]
    said = listed([f"{one.words} {value}" for one, value in chosen.items()])
    return lesson(f"Give the object {name} a {label} constraint with {said}.", code)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
