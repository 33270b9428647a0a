"""Which Python has datatrove, the peer of `bench.data`? An environment of its own: no image has it."""

from __future__ import annotations

from pathlib import Path

from e2e.setup.environments import made

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "bench-datatrove.lock"


def python_with_datatrove() -> Path:
    """Return the interpreter of the environment, made or brought up to date if its lock changed."""
    return made("venv-datatrove", LOCK)
