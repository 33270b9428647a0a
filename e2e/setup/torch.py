"""Which Python has torch? An environment of its own, gigabytes large, made from `requirements/train.lock`."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from e2e.setup import cache, debian
from e2e.setup.progress import say

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements" / "train.lock"
TRL_LOCK = REPOSITORY / "requirements" / "bench-trl.lock"
"""The peer of `bench.train`: no image has it."""


def python_with_torch() -> Path:
    """Return the interpreter of the environment, made or brought up to date if its lock changed."""
    _have_openmp()
    return made("venv-torch", LOCK)


def python_with_trl() -> Path:
    """Return the interpreter of an environment with torch and TRL."""
    _have_openmp()
    return made("venv-trl", TRL_LOCK)


def made(name: str, lock: Path) -> Path:
    """Return the interpreter of the environment `name`, made or brought up to date if its lock changed."""
    folder = cache.root() / name
    python = folder / "bin" / "python"
    stamp = folder / ".made-from"
    wanted = f"{cache.content_key(lock)} {REPOSITORY}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    with cache.exclusive(name):
        say(f"making the environment {name} (1 to 5 minutes, up to 5 GB, cached afterwards) ...")
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        uv = Path(sys.executable).with_name("uv")
        environment = os.environ | {"UV_CACHE_DIR": str(cache.root() / "uv")}
        command = [str(uv), "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)]
        subprocess.run(command, env=environment, check=True)
        checkout = Path(sys.executable).parents[1] / "lib"
        own = next(checkout.glob("python3*/site-packages/slipway-checkout.pth")).read_text()
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        (site / "slipway-checkout.pth").write_text(own)
        stamp.write_text(wanted)
    return python


def _have_openmp() -> None:
    """Install the library that llama.cpp computes with and no Python package brings."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        debian.install(("libgomp1",))
