"""What does Blender say of a .blend file, when it is asked from a safe distance?"""

from __future__ import annotations

import json
from pathlib import Path

from slipway.contract.blend import Blend
from slipway.contract.blends import REFUSED
from slipway_eval_blender.places import BLEND, TOLD
from slipway_eval_blender.process import run


def describe(folder: Path, seconds: int, memory_bytes: int) -> Blend | str:
    """Return what is in scene.blend of `folder`, or why Blender does not say it: it refuses the file, hangs or dies."""
    (folder / TOLD).write_text(json.dumps({"seconds": seconds, "memoryBytes": memory_bytes}), encoding="utf-8")
    written = folder / BLEND
    written.unlink(missing_ok=True)
    end = run("slipway_eval_blender.describe", folder, seconds, memory_bytes)
    if end.code != 0 or not written.is_file():
        return end.words
    said = json.loads(written.read_text(encoding="utf-8"))
    return str(said[REFUSED]) if REFUSED in said else Blend.model_validate(said)
