"""What does Blender say of a .blend file, when it is asked from a safe distance?"""

from __future__ import annotations

import json
from pathlib import Path

from slipway.contract.blend import Blend
from slipway.contract.blends import REFUSED
from slipway_eval_blender.places import BLEND, TOLD
from slipway_eval_blender.process import run
from slipway_eval_blender.scratch import Unfit, read
from slipway_eval_blender.watch import Share

DESCRIPTION_BYTES = 32 << 20
"""What prepares a Dataset takes no larger document."""


def describe(folder: Path, seconds: int, share: Share, patience: int = 1) -> Blend | str:
    """Return what is in scene.blend of `folder`, or why Blender does not say it: it refuses the file, hangs or dies.

    Blender may compute for `seconds`; by the clock it has `patience` times as many. The folder is one in which nothing
    ran: it has that file, and nothing else.
    """
    (folder / TOLD).write_text(json.dumps({"seconds": seconds, "memoryBytes": share.memory_bytes}), encoding="utf-8")
    end = run("slipway_eval_blender.describe", folder, seconds * patience, share)
    if end.code != 0:
        return end.words
    try:
        said = json.loads(read(folder / BLEND, DESCRIPTION_BYTES))
        return str(said[REFUSED]) if REFUSED in said else Blend.model_validate(said)
    except (Unfit, ValueError, TypeError, RecursionError):
        # A file that got the better of its reader may have written this.
        return f"what Blender says of it is larger than {DESCRIPTION_BYTES >> 20} MiB, or is no description"
