"""What do a model's answers and the Blender that runs them exchange? Files in a folder that two containers share.

    requests/KEY.json    answers to tasks, by the container that asks the model
    verdicts/KEY.json    what became of each, by the container that has Blender and nothing else

Tasks are JSON lines in the object store: files *.jsonl of an artefact, one Task a line.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.api.base import Model, Name, StatusModel, bounded
from slipway.api.common import Resources

EXCHANGE = "/slipway/exchange"
REQUESTS, VERDICTS = "requests", "verdicts"
RESOURCES = Resources(cpu="1", memory="3Gi", storage="2Gi")
"""Of the container that runs answers, where an evaluation says nothing else."""
BLENDER = "4.5.15"
"""The release of Blender that runs answers; the image's lock says the same."""
JUDGE = 1
"""Raise it when a verdict means something new: figures made before are then not used any more."""
SYSTEM = "You write Python for Blender. Answer only with Python code."
"""Also what Datasets that read Blender Python and .blend files teach under."""

Layer = Literal["Nothing", "Compiles", "NamesExist", "Runs", "AsAsked"]
LAYERS: tuple[Layer, ...] = ("Nothing", "Compiles", "NamesExist", "Runs", "AsAsked")
"""How far an answer can come, in order. Only AsAsked is solved."""
Fault = Literal[
    "",
    "NoCode",
    "NoPython",
    "UnknownName",
    "Raised",
    "TimedOut",
    "OutOfMemory",
    "OutOfDisk",
    "Crashed",
    "Forbidden",
    "NotAsAsked",
]
Code = Annotated[str, bounded(20_000, minimum=0)]


class Task(Model):
    """Something to ask of a model, and how to tell that it was done."""

    id: Name
    prompt: Annotated[str, bounded(8000)]
    system: Annotated[str, bounded(4000, minimum=0)] = SYSTEM
    group: Annotated[str, bounded(63, minimum=0)] = ""
    """Tasks that are alike; by default each is a group of its own."""
    start: Literal["Empty", "Default"] = "Empty"
    """The scene before: empty, or Blender's own with cube, light and camera."""
    before: Code = ""
    """Python of the task's author that sets the scene up."""
    then: Code = ""
    """Python of the task's author that runs after the answer, in its names: it calls what was asked for."""
    expect: dict[str, Any]
    """What the file must hold in the end, as a pattern of slipway.contract.blend.Blend."""
    solution: Code = ""
    """An answer that is right; no model sees it."""


class Answered(Model):
    """A task and the answers to it."""

    task: Task
    answers: tuple[str, ...] = Field(min_length=1)


class Request(Model):
    """Answers of one model to run."""

    timeout_seconds: int
    answered: tuple[Answered, ...]


class Verdict(StatusModel):
    """What became of one answer."""

    layer: Layer
    """The last layer that it passed."""
    fault: Fault = ""
    why: str = ""
    seconds: float = 0.0
    answer: str = ""


class Verdicts(StatusModel):
    """What became of all answers, by task, in the order of the request."""

    blender: str
    judged: tuple[tuple[str, tuple[Verdict, ...]], ...]
