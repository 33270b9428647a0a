"""Which Python has MLflow's server? An environment of its own, made from `requirements/mlflow.lock`."""

from __future__ import annotations

from pathlib import Path

from e2e.setup.environments import made

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "mlflow.lock"


def python_with_mlflow() -> Path:
    """Return the interpreter of the environment, made or brought up to date if its lock changed."""
    return made("venv-mlflow", LOCK)
