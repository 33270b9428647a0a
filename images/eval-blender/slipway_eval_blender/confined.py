"""Run a module of ours on a folder, beyond which it and all that it runs can write nothing, and read little.

    python -P -s -m slipway_eval_blender.confined MODULE FOLDER PIPE

Asked here, before Blender is loaded: Landlock binds one thread and what it starts, and Blender starts many.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from slipway_eval_blender.landlock import restrict
from slipway_eval_blender.places import SCENE

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev")
"""What Python, Blender and their libraries read. Neither the exchange folder with the solutions of tasks nor the job
file is among it."""


def main(module: str, folder: Path, pipe: int) -> None:
    """Confine this process to `folder`, and run `main` of `module` there, which may tell lines into `pipe`."""
    code = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
    # A Dataset's file is a link to where it was fetched.
    readable = [*map(Path, (*SYSTEM, *code)), (folder / SCENE).resolve()]
    restrict(readable, (folder, Path("/dev/null")))
    with open(pipe, "w", encoding="utf-8") as progress:
        importlib.import_module(module).main(folder, progress)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    # Blender hangs when it leaves with classes registered, and what is to be kept is on disk.
    sys.stdout.flush()
    os._exit(0)
