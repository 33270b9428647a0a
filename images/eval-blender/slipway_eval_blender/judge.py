"""How far does one answer come: is it Python, do its names exist, does it run, and is everything there?"""

from __future__ import annotations

import ast
import json
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.contract.execution import Fault, Layer, Task, Verdict
from slipway_eval_blender.describing import describe
from slipway_eval_blender.names import unknown
from slipway_eval_blender.places import ANSWER, BEFORE, FILE_BYTES, PATIENCE, SCENE, THEN, TOLD
from slipway_eval_blender.process import End, run
from slipway_eval_blender.scratch import Unfit, folder, take
from slipway_eval_blender.stubs import Stubs
from slipway_eval_blender.watch import Share
from slipway_formats.blend_pattern import unmet
from slipway_pod.errors import BadConfig, BadData

FENCE = re.compile(r"^ {0,3}```[^\n`]*\n(.*?)(?:^ {0,3}```|\Z)", re.MULTILINE | re.DOTALL)
CHARACTERS_LIMIT = 100_000
SHOWN = 300
STARTING_SECONDS = 120
"""What Blender may take to start and to save or read a file, beside the time that an answer has."""


@dataclass(frozen=True)
class Judge:
    """What all answers are judged with."""

    stubs: Stubs
    seconds: int
    """That each answer may compute."""
    share: Share
    """What each process may take."""

    def verdict(self, task: Task, answer: str) -> Verdict:
        """Return what becomes of `answer`. Layers are tried in order; the first that fails ends it.

        Raises BadData where the task's own scene does not run, and BadConfig where Blender does not start: neither is a
        fault of the answer.
        """
        begun = time.monotonic()
        layer, fault, why = self._layers(task, code(answer))
        taken = round(time.monotonic() - begun, 2)
        return Verdict(layer=layer, fault=fault, why=why[:SHOWN], seconds=taken, answer=answer)

    def _layers(self, task: Task, text: str) -> tuple[Layer, Fault, str]:
        if not text.strip():
            return "Nothing", "NoCode", "the answer is empty"
        try:
            module = _parsed(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
            return "Nothing", "NoPython", f"{line}{getattr(error, 'msg', None) or error}"
        if missing := unknown(module, self.stubs):
            return "Compiles", "UnknownName", f"Blender has no {', '.join(missing[:5])}"
        with folder("item-") as own:
            end, steps = self._ran(task, text, own)
            if (fault := _fault(task, end, steps)) is not None:
                return "NamesExist", *fault
            return self._described(task, own / SCENE)

    def _described(self, task: Task, scene: Path) -> tuple[Layer, Fault, str]:
        """Judge the file `scene` by its copy, in a folder that did not exist while the answer ran."""
        with folder("scene-") as fresh:
            try:
                take(scene, fresh / SCENE, FILE_BYTES)
            except Unfit as error:
                return "NamesExist", "Crashed", f"there is no file to describe: {error}"
            found = describe(fresh, self.seconds + STARTING_SECONDS, self.share)
        if isinstance(found, str):
            return "NamesExist", "Crashed", f"the file that it left cannot be described: {found}"
        if lacking := unmet(task.expect, found):
            return "Runs", "NotAsAsked", lacking
        return "AsAsked", "", ""

    def _ran(self, task: Task, text: str, own: Path) -> tuple[End, list[dict[str, Any]]]:
        seconds = self.seconds * PATIENCE + STARTING_SECONDS
        told = {BEFORE: task.before, ANSWER: text, THEN: task.then, "start": task.start}
        limits = {"seconds": seconds, "answerSeconds": self.seconds, "memoryBytes": self.share.memory_bytes}
        (own / TOLD).write_text(json.dumps(told | limits), encoding="utf-8")
        end = run("slipway_eval_blender.item", own, seconds, self.share)
        return end, _steps(end.told)


def code(answer: str) -> str:
    """Return the Python of an answer: its first fenced block where it has one, else all of it."""
    fenced = FENCE.search(answer)
    return fenced[1] if fenced is not None else answer


def _parsed(text: str) -> ast.Module:
    if len(text) > CHARACTERS_LIMIT:
        raise ValueError(f"{len(text)} characters, no script has more than {CHARACTERS_LIMIT}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = ast.parse(text)
        compile(module, "answer.py", "exec")  # finds what the parser lets pass: a return outside of functions
    return module


def _steps(told: str) -> list[dict[str, Any]]:
    found = []
    for line in told.splitlines():
        try:
            step = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut off by its end, or written by the answer: what counts is the file
        if isinstance(step, dict):
            found.append(step)
    return found


def _fault(task: Task, end: End, steps: list[dict[str, Any]]) -> tuple[Fault, str] | None:
    """Return why the answer did not run to its end; None where it did."""
    names = [step.get("step") for step in steps]
    failed = next((step for step in steps if step.get("step") == "failed"), None)
    if "ready" not in names:
        if failed is not None:
            raise BadData("TaskBroken", f"task {task.id}: `before` does not run: {_raised(failed)}")
        raise BadConfig("BlenderBroken", f"{end.words} before the answer was run: {end.output[-SHOWN:]}")
    if failed is not None:
        said = _raised(failed)
        if failed.get("error") == "MemoryError":
            return "OutOfMemory", said
        if failed.get("full"):
            return "OutOfDisk", said
        return ("Forbidden" if failed.get("error") == "PermissionError" else "Raised"), said
    ends: tuple[tuple[Fault, bool], ...] = (
        ("TimedOut", end.timed_out),
        ("OutOfMemory", end.out_of_memory),
        ("OutOfDisk", end.out_of_disk),
        ("Crashed", end.code != 0 or "saved" not in names),
    )
    return next(((fault, end.words) for fault, happened in ends if happened), None)


def _raised(failed: dict[str, Any]) -> str:
    where = {ANSWER: "", THEN: "when it was called, ", BEFORE: ""}.get(str(failed.get("part")), "")
    line = f"line {failed['line']}: " if failed.get("line") else ""
    return f"{where}{line}{failed.get('error')}: {failed.get('message')}"
