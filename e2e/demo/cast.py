"""Who plays in the story? The names that the example's YAML uses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = REPOSITORY / "examples" / "blueprint-assistant"
TUTORIAL: Final = REPOSITORY / "docs" / "tutorial.md"

NAMESPACE: Final = "slipway-demo"
TEAMS: Final = (NAMESPACE, "slipway-blender")
"""Namespaces of the demo and of the examples. On two cores they take turns: each begins by removing what is there."""
SYSTEM: Final = "slipway-system"
MODEL: Final = "blueprint-assistant"
ROLLOUT: Final = "blueprint-assistant"
DATASET: Final = "blueprints"
HOSTNAME: Final = "blueprint-assistant.example.com"
SHORT_NAMES: Final = ("v1", "v2", "v3", "v4")
TRAINED: Final = ("v1", "v2", "v3")
"""v4 is written by hand."""


def version(short: str) -> str:
    """Return the ModelVersion that the story calls `v1` … `v4`."""
    return f"{MODEL}-{short.removeprefix('v')}.0.0"


def short(version_name: str) -> str:
    """Return what the story calls a ModelVersion; a foreign name stays as it is."""
    return next((s for s in SHORT_NAMES if version(s) == version_name), version_name)


def training(short_name: str) -> str:
    """Return the TrainingJob that makes a version."""
    return f"{MODEL}-{short_name}"
