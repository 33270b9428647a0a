"""Which scripts make materials, worlds and node groups?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from api import Api, Lesson
from drawn import ADJECTIVES, Draw, an, lesson, listed
from objects import OBJECT, added, named

SHADERS = {
    "ShaderNodeBsdfDiffuse": ("diffuse", "BSDF"),
    "ShaderNodeBsdfGlossy": ("glossy", "BSDF"),
    "ShaderNodeBsdfGlass": ("glass", "BSDF"),
    "ShaderNodeBsdfTransparent": ("transparent", "BSDF"),
    "ShaderNodeBsdfTranslucent": ("translucent", "BSDF"),
    "ShaderNodeEmission": ("emission", "Emission"),
}
TEXTURES = {
    "ShaderNodeTexNoise": ("noise", "Color"),
    "ShaderNodeTexVoronoi": ("Voronoi", "Color"),
    "ShaderNodeTexWave": ("wave", "Color"),
    "ShaderNodeTexChecker": ("checker", "Color"),
    "ShaderNodeTexBrick": ("brick", "Color"),
    "ShaderNodeTexMagic": ("magic", "Color"),
}
NUMBERS = ("Metallic", "Roughness", "IOR", "Alpha", "Emission Strength", "Coat Weight", "Transmission Weight")
"""Inputs of the Principled BSDF."""
COLOURS = {
    "black": (0, 0, 0, 1),
    "white": (1, 1, 1, 1),
    "red": (1, 0, 0, 1),
    "green": (0, 1, 0, 1),
    "blue": (0, 0, 1, 1),
    "yellow": (1, 1, 0, 1),
    "magenta": (1, 0, 1, 1),
    "cyan": (0, 1, 1, 1),
    "grey": (0.5, 0.5, 0.5, 1),
}
Make = Callable[[Draw], Lesson]


def materials(api: Api, chance: random.Random) -> Iterator[Lesson]:
    """Yield lessons on materials, worlds and node groups."""
    draw = Draw(chance)
    for _ in range(110):
        yield _principled(draw)
    nodes = api.subclasses("ShaderNode")
    for _ in range(30):
        yield _shader(draw, draw.one([name for name in SHADERS if name in nodes]))
        yield _texture(draw, draw.one([name for name in TEXTURES if name in nodes]))
    for make, times in _OTHERS.items():
        for _ in range(times):
            yield make(draw)


def _new(name: str) -> list[str]:
    return [f'mat = bpy.data.materials.new("{name}")', "mat.use_nodes = True"]


def _principled(draw: Draw) -> Lesson:
    name, chosen = draw.one(ADJECTIVES), draw.chance.sample(NUMBERS, draw.chance.randint(0, 2))
    code, said = _new(name), []
    code.append('bsdf = mat.node_tree.nodes["Principled BSDF"]')
    if not chosen or draw.likely(50):
        told, colour = _colour(draw)
        code.append(f'bsdf.inputs["Base Color"].default_value = {colour}')
        said.append(f"base colour {told}")
    for one in chosen:
        value = draw.chance.choice((0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 1))
        code.append(f'bsdf.inputs["{one}"].default_value = {value}')
        said.append(f"{one.lower() if one != 'IOR' else one} {value}")
    verb, word = draw.one(("Create", "Make", "Add")), draw.one(("named ", "called ", ""))
    asked = f"{verb} a material {word}{name} with {listed(said)}"
    if draw.likely(35):
        thing, find = named(draw)
        asked += f" and assign it to the object {thing}"
        code += [find, "obj.data.materials.append(mat)"]
    elif draw.likely(45):
        shape, add = added(draw)
        asked = f"Add {an(shape)} with a new material {name}, {listed(said)}"
        code = [add, OBJECT, *code, "obj.data.materials.append(mat)"]
    return lesson(f"{asked}.", code)


def _colour(draw: Draw) -> tuple[str, tuple[float | int, ...]]:
    """Return a colour in words and in numbers."""
    if draw.likely(40):
        word = draw.one(list(COLOURS))
        return f"{draw.one(('', 'pure '))}{word}", COLOURS[word]
    drawn = draw.colour()
    return str(drawn), drawn


def _shader(draw: Draw, kind: str) -> Lesson:
    name, (words, out) = draw.one(ADJECTIVES), SHADERS[kind]
    code = [*_new(name), "nodes, links = mat.node_tree.nodes, mat.node_tree.links", "nodes.clear()"]
    code.append(f'shader = nodes.new("{kind}")')
    asked = f"Make a material {name} that is only {an(words)} shader"
    if kind == "ShaderNodeEmission":
        value = draw.chance.choice((2, 3, 5, 8, 20, 50))
        code.append(f'shader.inputs["Strength"].default_value = {value}')
        asked += f" with strength {value}"
    else:
        colour = draw.colour()
        code.append(f'shader.inputs["Color"].default_value = {colour}')
        asked += f" of colour {colour}"
    code += ['output = nodes.new("ShaderNodeOutputMaterial")']
    code += [f'links.new(shader.outputs["{out}"], output.inputs["Surface"])']
    return lesson(f"{asked}.", code)


def _texture(draw: Draw, kind: str) -> Lesson:
    name, (words, out) = draw.one(ADJECTIVES), TEXTURES[kind]
    into = draw.one(("Base Color", "Roughness", "Metallic"))
    scale = draw.chance.choice((2, 3, 4, 5, 10, 12, 20))
    code = [*_new(name), "nodes, links = mat.node_tree.nodes, mat.node_tree.links"]
    code += [f'texture = nodes.new("{kind}")', f'texture.inputs["Scale"].default_value = {scale}']
    code += [f'links.new(texture.outputs["{out}"], nodes["Principled BSDF"].inputs["{into}"])']
    asked = f"Make a material {name} whose {into.lower().replace('color', 'colour')} comes from {an(words)} texture"
    return lesson(f"{asked} of scale {scale}.", code)


def _assigned(draw: Draw) -> Lesson:
    name = draw.one(ADJECTIVES)
    if draw.likely(50):
        code = [f'mat = bpy.data.materials.new("{name}")', "for obj in bpy.data.objects:", '    if obj.type == "MESH":']
        code += ["        obj.data.materials.clear()", "        obj.data.materials.append(mat)"]
        return lesson(f"Give every mesh object the new material {name} and no other.", code)
    thing, find = named(draw)
    one, two = draw.chance.sample(ADJECTIVES, 2)
    code = [find, f'for name in ("{one}", "{two}"):', "    obj.data.materials.append(bpy.data.materials.new(name))"]
    return lesson(f"Give the object {thing} two new materials, {one} and {two}.", code)


def _faces(draw: Draw) -> Lesson:
    (thing, find), slot = named(draw), draw.chance.choice((1, 2, 3))
    axis, sign = draw.one("xyz"), draw.one("<>")
    where = f"{'below' if sign == '<' else 'above'} 0"
    code = [find, "for face in obj.data.polygons:", f"    if face.center.{axis} {sign} 0:"]
    code.append(f"        face.material_index = {slot}")
    return lesson(f"Use material slot {slot} for the faces of {thing} whose centre has {axis} {where}.", code)


def _world(draw: Draw) -> Lesson:
    colour, strength = draw.colour(), draw.chance.choice((0.1, 0.2, 0.3, 0.8, 1, 1.5, 2))
    name = draw.one(("Dawn", "Dusk", "Evening", "Overcast", "Studio", "Winter"))
    if draw.likely(50):
        code = [f'world = bpy.data.worlds.new("{name}")', "bpy.context.scene.world = world"]
        asked = f"Make a world {name} for the scene with the background colour {colour} and strength {strength}."
    else:
        code = ["world = bpy.context.scene.world"]
        asked = f"Set the background of the scene's world to the colour {colour} with strength {strength}."
    code += ["world.use_nodes = True", 'background = world.node_tree.nodes["Background"]']
    code += [f'background.inputs["Color"].default_value = {colour}']
    code += [f'background.inputs["Strength"].default_value = {strength}']
    return lesson(asked, code)


def _group(draw: Draw) -> Lesson:
    name = draw.one(("Spread", "Shrink", "Twister", "Grower", "Scatter", "Trim"))
    node, words = draw.chance.choice(
        (
            ("GeometryNodeTransform", "Transform Geometry"),
            ("GeometryNodeSubdivideMesh", "Subdivide Mesh"),
            ("GeometryNodeMeshToPoints", "Mesh to Points"),
            ("GeometryNodeTriangulate", "Triangulate"),
        )
    )
    code = [
        f'group = bpy.data.node_groups.new("{name}", "GeometryNodeTree")',
        'group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")',
        'group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")',
        'first = group.nodes.new("NodeGroupInput")',
        'last = group.nodes.new("NodeGroupOutput")',
        f'node = group.nodes.new("{node}")',
        "group.links.new(first.outputs[0], node.inputs[0])",
        "group.links.new(node.outputs[0], last.inputs[0])",
    ]
    return lesson(f"Make a geometry node group {name} that passes its geometry through a {words} node.", code)


_OTHERS: dict[Make, int] = {_assigned: 30, _faces: 15, _world: 25, _group: 12}
