"""Which scripts light, film, sort, animate and set up a scene?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from api import Api, Lesson, Property
from drawn import AXES, Draw, an, each, lesson, listed
from objects import OBJECT, added, named

LIGHTS = {"POINT": "point", "SUN": "sun", "SPOT": "spot", "AREA": "area"}
RENDER = frozenset(
    each(
        "resolution_x resolution_y resolution_percentage fps film_transparent use_border use_motion_blur use_simplify "
        "pixel_aspect_x pixel_aspect_y use_freestyle use_stamp threads"
    )
)
SIZES = ((1280, 720), (3840, 2160), (800, 600), (1024, 1024), (2048, 1080), (640, 480), (1080, 1350))
FOLDERS = (
    "Props",
    "Lights",
    "Cameras",
    "Set",
    "Furniture",
    "Vehicles",
    "Plants",
    "Street",
    "Kitchen",
    "Garden",
    "Cave",
)
Make = Callable[[Draw], Lesson]


def scenes(api: Api, chance: random.Random) -> Iterator[Lesson]:
    """Yield lessons on lights, cameras, collections, animation and settings."""
    draw = Draw(chance)
    settings = [one for one in api.properties("RenderSettings") if one.name in RENDER]
    for _ in range(30):
        yield _render(draw, settings)
    for make, times in _ALL.items():
        for _ in range(times):
            yield make(draw)


def _light(draw: Draw) -> Lesson:
    kind, name = draw.one(list(LIGHTS)), draw.name()
    power = draw.chance.choice((2, 3, 5, 10)) if kind == "SUN" else draw.chance.choice((50, 100, 200, 400, 800, 1500))
    words = "strength" if kind == "SUN" else draw.one(("power", "energy"))
    asked, given = f"Add {an(LIGHTS[kind])} light named {name} with {words} {power}", [f'type="{kind}"']
    if draw.likely(50):
        place = draw.place()
        given.append(f"location={place}")
        asked += f" at {place}"
    turned = draw.likely(30)
    if turned:
        angle, axis = draw.angle(), draw.chance.randrange(3)
        turn = ", ".join(f"math.radians({angle})" if at == axis else "0" for at in range(3))
        given.append(f"rotation=({turn})")
        asked += f", turned by {angle} degrees around {AXES[axis]}"
    code = [
        f"bpy.ops.object.light_add({', '.join(given)})",
        OBJECT,
        f'obj.name = "{name}"',
        f"obj.data.energy = {power}",
    ]
    return lesson(f"{asked}.", code, *(["math"] if turned else []))


def _lights(draw: Draw) -> Lesson:
    kind, names = draw.one(list(LIGHTS)), draw.names(2)
    powers, places = [draw.chance.choice((100, 200, 400, 800)) for _ in names], [draw.place() for _ in names]
    told = listed([f"{name} ({power} watts) at {at}" for name, power, at in zip(names, powers, places, strict=True)])
    rows = ", ".join(f'("{name}", {power}, {at})' for name, power, at in zip(names, powers, places, strict=True))
    code = [
        f"for name, power, location in ({rows}):",
        f'    light = bpy.data.lights.new(name, "{kind}")',
        "    light.energy = power",
        "    obj = bpy.data.objects.new(name, light)",
        "    obj.location = location",
        "    bpy.context.collection.objects.link(obj)",
    ]
    return lesson(f"Add two {LIGHTS[kind]} lights: {told}.", code)


def _camera(draw: Draw) -> Lesson:
    name, place, lens = draw.name(), draw.place(), draw.chance.choice((18, 24, 28, 35, 50, 70, 100, 135))
    code = [f"bpy.ops.object.camera_add(location={place})", OBJECT, f'obj.name = "{name}"', f"obj.data.lens = {lens}"]
    asked = f"Add a camera named {name} at {place} with a {lens} mm lens"
    if draw.likely(60):
        code.append("bpy.context.scene.camera = obj")
        asked += draw.one((" and make it the active camera", " and use it as the scene's camera"))
    return lesson(f"{asked}.", code)


def _lens(draw: Draw) -> Lesson:
    code, asked = ["camera = bpy.context.scene.camera.data"], "Make the scene's camera"
    match draw.chance.randrange(3):
        case 0:
            scale = draw.chance.choice((3, 4, 5, 6, 8, 10, 20))
            code += ['camera.type = "ORTHO"', f"camera.ortho_scale = {scale}"]
            asked = f"Switch the scene's camera to an orthographic view of scale {scale}"
        case 1:
            lens = draw.chance.choice((20, 24, 30, 40, 60, 80, 90))
            code.append(f"camera.lens = {lens}")
            asked = f"Set the lens of the scene's camera to {lens} mm"
        case _:
            near, far = draw.chance.choice((0.01, 0.1, 0.5)), draw.chance.choice((200, 500, 2000))
            code += [f"camera.clip_start = {near}", f"camera.clip_end = {far}"]
            asked = f"Let the scene's camera clip from {near} to {far} metres"
    return lesson(f"{asked}.", code)


def _render(draw: Draw, settings: list[Property]) -> Lesson:
    chosen = {one: draw.value(one) for one in draw.some(settings, 2)}
    for one in chosen:
        if one.type == "int":
            chosen[one] = draw.chance.choice((4, 8, 12, 50, 75, 100, 480, 640, 1080, 1440))
    code = ["render = bpy.context.scene.render"]
    code += [f"render.{one.name} = {value!r}" for one, value in chosen.items() if not isinstance(value, str)]
    said = listed([draw.said(one, value) for one, value in chosen.items()])
    return lesson(f"Set in the render settings: {said}.", code)


def _output(draw: Draw) -> Lesson:
    code, said = ["scene = bpy.context.scene"], []
    if draw.likely(60):
        engine = draw.one(("CYCLES", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH"))
        code.append(f'scene.render.engine = "{engine}"')
        said.append(f"render with {engine.removeprefix('BLENDER_').removesuffix('_NEXT').capitalize()}")
    if draw.likely(60) or not said:
        wide, high = draw.chance.choice(SIZES)
        code += [f"scene.render.resolution_x = {wide}", f"scene.render.resolution_y = {high}"]
        said.append(f"a resolution of {wide} by {high}")
    if draw.likely(50):
        rate = draw.chance.choice((24, 30, 50, 60))
        code.append(f"scene.render.fps = {rate}")
        said.append(f"{rate} frames per second")
    if draw.likely(50):
        first, last = draw.chance.choice((1, 10, 50)), draw.chance.choice((120, 200, 240, 300))
        code += [f"scene.frame_start = {first}", f"scene.frame_end = {last}"]
        said.append(f"frames {first} to {last}")
    return lesson(f"Set up the scene: {listed(said)}.", code)


def _collection(draw: Draw) -> Lesson:
    name, children = draw.one(FOLDERS), draw.chance.sample(FOLDERS, 2)
    code = [
        f'collection = bpy.data.collections.new("{name}")',
        "bpy.context.scene.collection.children.link(collection)",
    ]
    asked = f"Create a collection {name} in the scene"
    if draw.likely(35) and name not in children:
        quoted = ", ".join(f'"{child}"' for child in children)
        code += [f"for name in ({quoted}):", "    collection.children.link(bpy.data.collections.new(name))"]
        return lesson(f"{asked} with the collections {listed(children)} inside.", code)
    if draw.likely(60):
        thing, find = named(draw)
        code += [find, "for other in list(obj.users_collection):", "    other.objects.unlink(obj)"]
        code.append("collection.objects.link(obj)")
        return lesson(f"{asked} and move the object {thing} into it.", code)
    return lesson(f"{asked}.", code)


def _filled(draw: Draw) -> Lesson:
    name, thing, count, (shape, add) = draw.one(FOLDERS), draw.name(), draw.count(6), added(draw)
    code = [
        f'collection = bpy.data.collections.new("{name}")',
        "bpy.context.scene.collection.children.link(collection)",
        f"for i in range({count}):",
        f"    {add.removesuffix(')')}location=({draw.count(4)} * i, 0, 0))",
        "    obj = bpy.context.object",
        f'    obj.name = f"{thing}_{{i + 1}}"',
        "    for other in list(obj.users_collection):",
        "        other.objects.unlink(obj)",
        "    collection.objects.link(obj)",
    ]
    return lesson(f"Put {count} {shape}s named {thing}_1 to {thing}_{count} into a new collection {name}.", code)


def _keyframes(draw: Draw) -> Lesson:
    first, last = 1, draw.chance.choice((20, 24, 40, 48, 80, 100))
    path, words = draw.chance.choice((("location", "location"), ("scale", "scale")))
    one, two = draw.place(), draw.place()
    if draw.likely(50):
        name, find = named(draw)
        asked, code = f"Animate the {words} of the object {name}", [find]
    else:
        shape, add = added(draw)
        asked, code = f"Add {an(shape)} and animate its {words}", [add, OBJECT]
    for frame, value in ((first, one), (last, two)):
        code += [f"obj.{path} = {value}", f'obj.keyframe_insert("{path}", frame={frame})']
    return lesson(f"{asked} from {one} at frame {first} to {two} at frame {last}.", code)


def _spin(draw: Draw) -> Lesson:
    (name, find), axis, angle = named(draw), draw.chance.randrange(3), draw.angle()
    last = draw.chance.choice((24, 30, 48, 90, 100))
    code = [find]
    for frame, turn in ((1, "0"), (last, f"math.radians({angle})")):
        code += [f"obj.rotation_euler[{axis}] = {turn}"]
        code += [f'obj.keyframe_insert("rotation_euler", index={axis}, frame={frame})']
    asked = f"Animate a turn of {name} by {angle} degrees around {AXES[axis]} from frame 1 to frame {last}"
    if draw.likely(40):
        code += ["for curve in obj.animation_data.action.fcurves:", "    for point in curve.keyframe_points:"]
        code.append('        point.interpolation = "LINEAR"')
        asked += ", linearly"
    return lesson(f"{asked}.", code, "math")


def _markers(draw: Draw) -> Lesson:
    names = draw.chance.sample(("Start", "Jump", "Landing", "Title", "Cut", "Finale", "Turn", "Credits"), 2)
    frames = sorted(draw.chance.sample((5, 10, 24, 48, 60, 90, 150, 200), 2))
    told = listed([f"{name} at frame {frame}" for name, frame in zip(names, frames, strict=True)])
    code = ["markers = bpy.context.scene.timeline_markers"]
    code += [f'markers.new("{name}", frame={frame})' for name, frame in zip(names, frames, strict=True)]
    return lesson(f"Add markers to the timeline: {told}.", code)


def _registered(draw: Draw) -> Lesson:
    kind, default = draw.chance.choice((("Int", "2"), ("Float", "0.5"), ("Bool", "True"), ("String", '"none"')))
    owner = draw.one(("Object", "Scene", "Material", "Collection"))
    key = draw.one(("episode", "take", "is_done", "author", "cost", "part", "side"))
    code = [f"bpy.types.{owner}.{key} = bpy.props.{kind}Property(default={default})"]
    asked = f"Register {an(kind.lower())} property {key} with default {default} on all {owner.lower()}s"
    return lesson(f"{asked}.", code)


def _operator(draw: Draw) -> Lesson:
    verb, words, line = draw.chance.choice(
        (
            ("reset_rotation", "sets the rotation of every selected object to zero", "obj.rotation_euler = (0, 0, 0)"),
            ("reset_scale", "sets the scale of every selected object to one", "obj.scale = (1, 1, 1)"),
            ("hide_in_render", "hides every selected object in renders", "obj.hide_render = True"),
            ("lift", f"moves every selected object up by {(step := draw.length())}", f"obj.location.z += {step}"),
            ("push", f"moves every selected object by {(step := draw.length())} along x", f"obj.location.x += {step}"),
            ("mark", "sets the custom property marked on every selected object", 'obj["marked"] = True'),
        )
    )
    space = draw.one(("object", "scene", "wm"))
    label = verb.replace("_", " ").title()
    code = [
        f"class {space.upper()}_OT_{verb}(bpy.types.Operator):",
        f'    bl_idname = "{space}.{verb}"',
        f'    bl_label = "{label}"',
        "",
        "    def execute(self, context):",
        "        for obj in context.selected_objects:",
        f"            {line}",
        '        return {"FINISHED"}',
        "",
        f"bpy.utils.register_class({space.upper()}_OT_{verb})",
    ]
    return lesson(f"Write and register an operator {space}.{verb} ({label}) that {words}.", code)


def _function(draw: Draw) -> Lesson:
    shape, add = added(draw)
    noun, step = shape.split()[-1].lower(), draw.count(5)
    code = [
        f"def add_{noun}s(count, distance={step}):",
        "    for i in range(count):",
        f"        {add.removesuffix(')')}location=(i * distance, 0, 0))",
    ]
    asked = f"Write a Blender function add_{noun}s(count, distance={step}) that adds {shape}s in a row along x."
    return lesson(asked, code)


def _armature(draw: Draw) -> Lesson:
    name, (one, two) = draw.name(), draw.chance.sample(("Root", "Arm", "Hand", "Spine", "Neck", "Head", "Leg"), 2)
    code = [
        f'armature = bpy.data.armatures.new("{name}")',
        f'obj = bpy.data.objects.new("{name}", armature)',
        "bpy.context.collection.objects.link(obj)",
        "bpy.context.view_layer.objects.active = obj",
        'bpy.ops.object.mode_set(mode="EDIT")',
        f'bone = armature.edit_bones.new("{one}")',
        "bone.head, bone.tail = (0, 0, 0), (0, 0, 1)",
        f'child = armature.edit_bones.new("{two}")',
        "child.head, child.tail = (0, 0, 1), (0, 0, 2)",
        "child.parent = bone",
        'bpy.ops.object.mode_set(mode="OBJECT")',
    ]
    return lesson(f"Make an armature {name} with the bone {one} and its child {two}.", code)


def _curve(draw: Draw) -> Lesson:
    name, points, bevel = draw.name(), [draw.place() for _ in range(3)], draw.length()
    code = [
        f'curve = bpy.data.curves.new("{name}", "CURVE")',
        'curve.dimensions = "3D"',
        f"curve.bevel_depth = {bevel}",
        'spline = curve.splines.new("POLY")',
        "spline.points.add(2)",
        f"for point, location in zip(spline.points, ({', '.join(map(str, points))})):",
        "    point.co = (*location, 1)",
        f'obj = bpy.data.objects.new("{name}", curve)',
        "bpy.context.collection.objects.link(obj)",
    ]
    asked = f"Make a poly curve {name} through {listed(list(map(str, points)))} with bevel depth {bevel}."
    return lesson(asked, code)


def _driver(draw: Draw) -> Lesson:
    (one, two), axis = draw.names(2), draw.chance.randrange(3)
    path = draw.one(("location", "scale", "rotation_euler"))
    code = [
        f'curve = bpy.data.objects["{one}"].driver_add("{path}", {axis})',
        "variable = curve.driver.variables.new()",
        'variable.name = "value"',
        'variable.type = "TRANSFORMS"',
        f'variable.targets[0].id = bpy.data.objects["{two}"]',
        'variable.targets[0].transform_type = "LOC_Z"',
        'curve.driver.expression = "value"',
    ]
    return lesson(f"Drive the {AXES[axis]} {path.removesuffix('_euler')} of {one} by the z location of {two}.", code)


def _note(draw: Draw) -> Lesson:
    name = draw.one(("Readme", "Todo", "Credits", "Log", "Plan"))
    line = draw.one(("Render at night", "Ask Ada", "Version 2", "Fix the lights", "Done"))
    code = [f'text = bpy.data.texts.new("{name}")', f'text.write("{line}")']
    return lesson(f"Make a text block {name} that says {line}.", code)


_ALL: dict[Make, int] = {
    _light: 60,
    _lights: 20,
    _camera: 35,
    _lens: 25,
    _output: 40,
    _collection: 40,
    _filled: 25,
    _keyframes: 45,
    _spin: 20,
    _markers: 20,
    _registered: 20,
    _operator: 30,
    _function: 20,
    _armature: 12,
    _curve: 15,
    _driver: 12,
    _note: 12,
}
