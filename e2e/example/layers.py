"""How good is one answer? By layers: things that can be said of it, the easiest first."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from e2e.example.cast import BLENDER, Example
from e2e.example.results import NoResults
from slipway.contract.execution import LAYERS
from slipway_eval_blender.judge import code
from slipway_formats.bpy_names import imports, names_used, outside
from slipway_train_torch.evaluate.validity import Verdict

Layers = Mapping[str, bool]
"""Which layers an answer passes."""
Reader = Callable[[Mapping[str, Any]], Layers]
"""From the report's note on an answer."""


def reader(example: Example) -> Reader:
    """Return how the layers of an answer are read off the report of `example`."""
    return of_blender if example is BLENDER else of_blueprint


def of_blueprint(note: Mapping[str, Any]) -> Layers:
    """Return what holds of T3D, as the evaluation judged it; AllOfThem is what makes it valid."""
    layers: Mapping[str, bool] = note["layers"]
    return {**layers, "AllOfThem": all(layers.values())}


def of_verdict(verdict: Verdict) -> Layers:
    """Return the same of an answer that was judged here."""
    return of_blueprint({"layers": verdict.layers})


def of_blender(note: Mapping[str, Any]) -> Layers:
    """Return which layers the one answer to a task passed; each includes those before it."""
    answers = note["answers"]
    if len(answers) != 1:
        raise NoResults(f"task {note['id']} has {len(answers)} answers, a table of pairs needs one: set samples to 1")
    return reached(answers[0]["layer"], answers[0]["answer"])


def reached(layer: str, answer: str) -> Layers:
    """Return the layers that `answer` has passed, which came as far as `layer` when it was run.

    Python that names nothing of Blender names nothing wrong, and it runs as well as no code at all. So from UsesBlender
    on, an answer has to name something of Blender.
    """
    came = {one: LAYERS.index(one) <= LAYERS.index(layer) for one in LAYERS[1:]}
    used = came["Compiles"] and uses_blender(answer)
    return {"Compiles": came.pop("Compiles"), "UsesBlender": used} | {one: used and held for one, held in came.items()}


def uses_blender(answer: str) -> bool:
    """Tell whether the Python of an answer names anything of Blender, beside importing it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes such as "\d" are no matter here
        module = ast.parse(code(answer))
    return bool(names_used(module, imports(outside(module.body))))
