"""Which Python has Blender? An environment of its own, made from the lock of the image that runs it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from e2e.setup import debian
from e2e.setup.environments import made

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "images" / "eval-blender" / "requirements.lock"
LIBRARIES = {
    "libseccomp.so.2": "libseccomp2",
    "libgomp.so.1": "libgomp1",
    "libX11.so.6": "libx11-6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libXrender.so.1": "libxrender1",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
}
"""What Blender links to, and the Debian package that has it; the image's Dockerfile installs the same."""


def python_with_blender() -> Path:
    """Return the interpreter of the environment, made or brought up to date if its lock changed."""
    _have_libraries()
    return made("venv-blender", LOCK, sees_checkout=False)


def path() -> str:
    """Return the PYTHONPATH under which the code of this checkout runs in that environment, as in the image."""
    return os.pathsep.join(str(REPOSITORY / part) for part in ("operator", "images/common", "images/eval-blender"))


def _have_libraries() -> None:
    missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
    if missing:
        debian.install(tuple(missing))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
