"""Run one answer in Blender and save the file that it leaves. A process of its own, started by `process.run`.

The folder has told.json. What is left there: scene.blend. Lines of JSON say on the way how far it came.
"""

from __future__ import annotations

import errno
import json
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import bpy

from slipway_eval_blender.lockdown import Limits, computing, limit, lock_down
from slipway_eval_blender.places import ANSWER, BEFORE, PATIENCE, SCENE, THEN, TOLD

FULL = (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)
"""What the kernel says where a file would grow beyond the limit, or beyond the disk, before the parent looks."""


def main(folder: Path, progress: TextIO) -> None:
    """Do what told.json says: the scene before, the answer, what comes then, and the file."""
    told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    limit(Limits(told["seconds"], told["memoryBytes"]))
    bpy.ops.wm.read_factory_settings(use_empty=told["start"] == "Empty")
    # Blender looks up the types of a class's properties in the module that the class names.
    script = sys.modules["__main__"] = ModuleType("__main__")
    scope = vars(script)
    scope["__file__"] = "answer.py"

    def tell(step: str, **more: Any) -> None:
        progress.write(json.dumps({"step": step, **more}) + "\n")
        progress.flush()

    if not _ran(told[BEFORE], {**scope}, BEFORE, tell):
        return
    tell("ready")
    # Both end the process. A busy node makes an answer wait, which is no fault of it: only computing is counted
    # strictly. Who switches the alarm off meets the parent's patience.
    computing(told["answerSeconds"])
    signal.alarm(told["answerSeconds"] * PATIENCE)
    lock_down()
    if _ran(told[ANSWER], scope, ANSWER, tell) and _ran(told[THEN], scope, THEN, tell):
        signal.alarm(0)
        _save(folder / SCENE)
        tell("saved")


def _ran(code: str, scope: dict[str, Any], what: str, tell: Any) -> bool:
    """Execute `code`; tell where it failed. A script that exits has ended, with whatever it made."""
    try:
        exec(compile(code, f"{what}.py", "exec", dont_inherit=True), scope)
    except SystemExit as exit:
        if exit.code not in (None, 0):
            tell("failed", part=what, error="SystemExit", message=f"it exits with {exit.code!r}", line=0)
            return False
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == f"{what}.py"), 0)
        full = isinstance(error, OSError) and error.errno in FULL
        tell("failed", part=what, error=type(error).__name__, message=str(error)[:500], line=line, full=full)
        return False
    return True


def _save(path: Path) -> None:
    """Save everything there is: what nothing uses yet would be left out, and was asked for perhaps."""
    bpy.context.view_layer.update()
    for collection in (bpy.data.materials, bpy.data.node_groups, bpy.data.meshes, bpy.data.texts, bpy.data.actions):
        for block in collection:
            block.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False, check_existing=False)
