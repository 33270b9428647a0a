"""Which Python has torch? An environment of its own, gigabytes large, made from `requirements/train.lock`."""

from __future__ import annotations

import ctypes
from pathlib import Path

from e2e.setup import debian
from e2e.setup.environments import made

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


def _have_openmp() -> None:
    """Install the library that llama.cpp computes with and no Python package brings."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        debian.install(("libgomp1",))
