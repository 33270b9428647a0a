"""Which examples are there, and which names does their YAML use?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from e2e.demo.cast import NAMESPACE, REPOSITORY

EXAMPLES: Final = REPOSITORY / "examples"


@dataclass(frozen=True)
class Example:
    """One example: its folder, whose README says what to type, and the names in its YAML."""

    name: str
    """What the command calls it; its results lie below `out/NAME`."""
    folder: Path
    namespace: str
    model: str
    hostname: str
    metric: str
    """Of the evaluation: the one whose answers are looked at."""
    layers: tuple[str, ...]
    """What is told of each answer, the easiest first."""
    promised: Mapping[str, int]
    """The layers of which the README promises surely more, and how many percentage points at least."""
    questions: int
    """How many are asked of the model that serves."""
    answer_tokens: int
    forgetting: str = ""
    """Of the evaluation: the loss on text that it was not tuned for, which is told too; empty where there is none."""
    brought: Mapping[str, Path] = field(default_factory=dict)
    """What its collectors bring: a folder below `out/NAME`, and the folder with the `collect.py`."""

    @property
    def out(self) -> Path:
        """Where everything of a run lies."""
        return REPOSITORY / "out" / self.name

    @property
    def version(self) -> str:
        """The ModelVersion that the run makes."""
        return f"{self.model}-1.0.0"

    @property
    def rollout(self) -> str:
        """The Rollout that serves it."""
        return self.model


BLUEPRINT: Final = Example(
    name="blueprint",
    folder=EXAMPLES / "blueprint-assistant",
    namespace=NAMESPACE,
    model="blueprint-assistant",
    hostname="blueprint-assistant.example.com",
    metric="blueprint-validity",
    layers=("Parses", "NodesKnown", "LinksResolve", "AllOfThem"),
    promised={"LinksResolve": 20},
    questions=3,
    answer_tokens=280,
    forgetting="general-loss",
    brought={
        "raw": EXAMPLES / "blueprint-assistant" / "dataset",
        "general": EXAMPLES / "blueprint-assistant" / "general",
        "base": EXAMPLES / "blueprint-assistant" / "base-model",
    },
)
BLENDER: Final = Example(
    name="blender",
    folder=EXAMPLES / "blender-agent",
    namespace="slipway-blender",
    model="blender-agent",
    hostname="blender-agent.example.com",
    metric="tasks-solved",
    layers=("Compiles", "UsesBlender", "NamesExist", "Runs", "AsAsked"),
    promised={"NamesExist": 20, "Runs": 0},
    questions=4,
    answer_tokens=160,
    forgetting="general-loss",
    brought={
        "raw": EXAMPLES / "blender-agent" / "dataset",
        "scripts": EXAMPLES / "blender-agent" / "scripts",
        "judged": EXAMPLES / "blender-agent" / "tasks",
        "general": EXAMPLES / "blueprint-assistant" / "general",
        "base": EXAMPLES / "blueprint-assistant" / "base-model",
    },
)
ALL: Final = {example.name: example for example in (BLUEPRINT, BLENDER)}
