"""Where is a Python environment beside this checkout's own? Each is made in the cache, from one lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from e2e.setup import cache
from e2e.setup.progress import say

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKOUT = REPOSITORY / ".venv"
"""The checkout's own environment has uv. Another that asks for one, as the tests under torch do, has not."""


def made(name: str, lock: Path, *, sees_checkout: bool = True) -> Path:
    """Return the interpreter of the environment `name`, made or brought up to date if its lock changed.

    `sees_checkout`: the packages of this repository are imported from where they are.
    """
    folder = cache.root() / name
    python = folder / "bin" / "python"
    stamp = folder / ".made-from"
    wanted = f"{cache.content_key(lock)} {REPOSITORY}"
    if _read(stamp) == wanted:
        return python
    with cache.exclusive(name):
        if _read(stamp) == wanted:
            return python
        say(f"making the environment {name} (1 to 5 minutes, up to 5 GB, cached afterwards) ...")
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        uv = str(CHECKOUT / "bin" / "uv")
        environment = os.environ | {"UV_CACHE_DIR": str(cache.root() / "uv")}
        command = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)]
        subprocess.run(command, env=environment, check=True)
        if sees_checkout:
            own = next(CHECKOUT.glob("lib/python3*/site-packages/slipway-checkout.pth")).read_text()
            site = next(folder.glob("lib/python3*/site-packages"))
            (site / "slipway-checkout.pth").write_text(own)
        stamp.write_text(wanted)
    return python


def _read(stamp: Path) -> str | None:
    return stamp.read_text() if stamp.is_file() else None
