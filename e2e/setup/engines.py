"""Which Pythons have the engines that `bench.data` measures when asked? No image has these environments."""

from __future__ import annotations

from pathlib import Path

from e2e.setup.environments import made

LOCKS = Path(__file__).resolve().parents[2] / "requirements"


def python_with_ray_data() -> Path:
    """Return the interpreter of an environment with Ray Data."""
    return made("venv-ray-data", LOCKS / "bench-ray.lock")


def python_with_daft() -> Path:
    """Return the interpreter of an environment with Daft."""
    return made("venv-daft", LOCKS / "bench-daft.lock")
