"""What is each stage of a run told, with which weights does it begin, and what must it reach?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from slipway.api.causal_lm import CausalLM
from slipway.api.stages import Stage, StageGate
from slipway.api.trainingjob import Recipe
from slipway.contract.job import Train
from slipway.contract.result import Rung
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm.sharding.parts import put

STATED = (
    "learning_rate", "schedule", "warmup_percent", "epochs", "max_steps", "max_tokens", "evaluate_every_steps", "dpo",
)  # fmt: skip
"""What a stage may state instead of its recipe."""


@dataclass(frozen=True)
class Passed:
    """What the stages before have left: weights, and what they cost. Of the first stage, nothing."""

    digest: str = ""
    """Of the weights; empty before the first stage."""
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    """Lines of all stages, each with the name of its stage."""
    summaries: Sequence[str] = ()
    """What each stage was and reached, for people."""
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    rungs: Sequence[Rung] = ()
    started: str = ""
    """When the first attempt of the first stage began, as RFC 3339 writes it."""


@dataclass(frozen=True)
class Place:
    """A stage of a run."""

    told: Train
    """The job of the whole run."""
    name: str
    number: int
    """From 1."""
    of: int
    gate: StageGate | None
    passed: Passed = Passed()

    @property
    def last(self) -> bool:
        """Whether the run ends with this stage."""
        return self.number == self.of

    @property
    def measures_first(self) -> bool:
        """Whether the validation loss is to be known before the first step."""
        return self.gate is not None and self.gate.min_improvement is not None

    def begin(self, parameters: Mapping[str, torch.nn.Parameter], held_out: Sequence[object]) -> None:
        """Write the weights of the stage before into `parameters`; raise BadData when the gate could not be judged."""
        if self.gate is not None and not held_out:
            raise BadData(
                "NoValidationSplit",
                f"stage {self.name} has a gate, but the validation split of its Dataset has no rows: raise "
                "split.validationPercent, or remove the gate",
            )
        for name, weight in self.passed.weights.items():
            put(parameters[name], weight)

    def whole(self, history: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the history of the run up to here, of which `history` is this stage's: steps count from the first."""
        before = self.passed
        return [
            *before.history,
            *({**line, "stage": self.name, "step": before.steps + line["step"]} for line in history),
        ]

    def shown(self) -> dict[str, Any]:
        """Return what progress shows of the stage."""
        return {"stage": self.name, "stage_number": self.number, "stages": self.of}

    def parameters(self) -> dict[str, str]:
        """Return what the lineage says of the stages before this one."""
        return {f"stage{number}": said for number, said in enumerate(self.passed.summaries, 1)}

    def judge(self, before: float | None, after: float | None) -> None:
        """Raise BadConfig when the stage misses its gate.

        `before` and `after` are validation losses, in nats per trained token, at its start and of its result.
        """
        if self.gate is None:
            return
        loss = math.inf if after is None or not math.isfinite(after) else after
        highest, least = self.gate.max_loss, self.gate.min_improvement
        if highest is not None and loss > float(highest):
            raise self._missed(f"its validation loss is {loss:.6g}, above maxLoss {highest}")
        if least is not None and (before is None or not before - loss >= float(least)):
            raise self._missed(
                f"its validation loss went from {before if before is None else format(before, '.6g')} to {loss:.6g}, "
                f"and minImprovement is {least}"
            )

    def _missed(self, said: str) -> BadConfig:
        return BadConfig(
            "StageGateMissed",
            f"stage {self.name} ({self.number} of {self.of}) missed its gate: {said}. Later stages were not begun: "
            "give the stage more epochs or better data, change its learningRate, or loosen "
            f"stages[{self.number - 1}].gate",
        )


def stage_job(told: Train, at: int) -> Train:
    """Return what stage number `at`, from 0, of the run `told` does: a run on its own data with its own schedule."""
    recipe, stage = staged(told)[at]
    return told.model_copy(
        update={
            "dataset": told.stage_data[at],
            "stage_data": (),
            "recipe": Recipe(causal_lm=own(recipe, stage)),
            "checkpoint_uri": f"{told.checkpoint_uri.rstrip('/')}/stage-{at + 1}-{stage.name}/",
        }
    )


def own(recipe: CausalLM, stage: Stage) -> CausalLM:
    """Return the recipe of `stage` alone: that of the run, with what the stage states."""
    stated = {name: getattr(stage, name) for name in STATED if getattr(stage, name) is not None}
    return recipe.model_copy(update={**stated, "stages": None})


def place(told: Train, at: int, passed: Passed) -> Place:
    """Return the place of stage number `at`, from 0, after what `passed` left."""
    stages = staged(told)
    stage = stages[at][1]
    return Place(told, stage.name, at + 1, len(stages), stage.gate, passed)


def staged(told: Train) -> list[tuple[CausalLM, Stage]]:
    """Return the stages of the run `told`, each with the recipe that they share."""
    recipe = told.recipe.causal_lm
    assert recipe is not None
    assert recipe.stages, "asked of a run with stages only"
    if len(told.stage_data) != len(recipe.stages):
        raise BadConfig(
            "JobInvalid",
            f"the job has data for {len(told.stage_data)} of {len(recipe.stages)} stages. Operator and image differ in "
            "version?",
        )
    return [(recipe, stage) for stage in recipe.stages]
