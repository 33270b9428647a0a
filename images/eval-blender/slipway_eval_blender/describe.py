"""Describe one .blend file. A process of its own, started by `process.run`: files crash Blender, and may be hostile.

The folder has scene.blend and told.json (limits). What is left there is blend.json: a Blend, or `{"refused": "why"}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

import bpy

from slipway.contract.blend import Blend, Collection, Scene, Text
from slipway.contract.blends import REFUSED
from slipway_eval_blender.lockdown import Limits, limit, lock_down
from slipway_eval_blender.objects import custom, object_
from slipway_eval_blender.places import BLEND, SCENE, TOLD
from slipway_eval_blender.rna import Fresh
from slipway_eval_blender.trees import tree


def main(folder: Path, _progress: TextIO) -> None:
    """Open the file without running anything that it brings, and write down what is in it."""
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    limit(Limits(told["seconds"], told["memoryBytes"]))
    lock_down()
    try:
        open_file(folder / SCENE)
    except RuntimeError as error:
        said = {REFUSED: " ".join(str(error).split())[:500]}
        (folder / BLEND).write_text(json.dumps(said), encoding="utf-8")
        return
    (folder / BLEND).write_text(json.dumps(described().dump()), encoding="utf-8")


def open_file(path: Path) -> None:
    """Open a .blend; raise RuntimeError where Blender refuses it.

    Its scripts do not run, and of its drivers only arithmetic that Blender counts as safe.
    """
    bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=True, use_scripts=False)


def described() -> Blend:
    """Return what is in the file that is open."""
    data, fresh = bpy.data, Fresh()
    bpy.context.view_layer.update()
    # Lists are taken first: to tell what was changed, fresh things are made, and taken away again.
    things, materials, worlds = list(data.objects), list(data.materials), list(data.worlds)
    groups, texts = list(data.node_groups), list(data.texts)
    return Blend(
        blender=bpy.app.version_string,
        scene=_scene(bpy.context.scene),
        scenes=tuple(scene.name for scene in data.scenes),
        objects=tuple(object_(thing, fresh) for thing in things),
        collections=_collections(),
        materials=tuple(tree(one, one.node_tree, fresh) for one in materials),
        worlds=tuple(tree(one, one.node_tree, fresh) for one in worlds),
        node_groups=tuple(tree(one, one, fresh) for one in groups),
        texts=tuple(Text(name=one.name, body=one.as_string()) for one in texts),
    )


def _scene(scene: bpy.types.Scene) -> Scene:
    render = scene.render
    return Scene(
        name=scene.name,
        camera=scene.camera.name if scene.camera is not None else None,
        world=scene.world.name if scene.world is not None else None,
        engine=render.engine,
        resolution=(render.resolution_x, render.resolution_y),
        fps=render.fps,
        frames=(scene.frame_start, scene.frame_end),
        markers=tuple(marker.name for marker in scene.timeline_markers),
        properties=custom(scene),
    )


def _collections() -> tuple[Collection, ...]:
    parents = {child.name: parent.name for parent in bpy.data.collections for child in parent.children}
    return tuple(
        Collection(name=one.name, parent=parents.get(one.name), objects=tuple(thing.name for thing in one.objects))
        for one in bpy.data.collections
    )
