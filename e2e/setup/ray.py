"""Which Python has Ray and what preparation pods have? The environment of the image `images/data/ray.Dockerfile`."""

from __future__ import annotations

from pathlib import Path

from e2e.setup.environments import made

LOCK = Path(__file__).resolve().parents[2] / "images" / "data" / "ray.lock"


def python_with_ray() -> Path:
    """Return the interpreter of the environment, made or brought up to date if its lock changed."""
    return made("venv-ray", LOCK)
