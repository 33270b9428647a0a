"""Which of the weights that were measured on the validation split are the best, and when are no better ones to come?"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from slipway.api.causal_lm import CausalLM, EarlyStopping
from slipway_train_torch.causal_lm.sharding.parts import divided, own

log = logging.getLogger("slipway")


@dataclass(frozen=True)
class Measured:
    """The validation loss, in nats per trained token, after a step."""

    step: int
    loss: float


def measured(history: Iterable[Mapping[str, Any]]) -> list[Measured]:
    """Return the measurements in the history of a run, oldest first."""
    return [Measured(line["step"], line["validationLoss"]) for line in history if "validationLoss" in line]


def best(found: Iterable[Measured]) -> Measured | None:
    """Return the lowest finite loss, the earliest of equal ones; None without any."""
    finite = [one for one in found if math.isfinite(one.loss)]
    return min(finite, key=lambda one: one.loss, default=None)


def enough(found: Sequence[Measured], rule: EarlyStopping | None) -> bool:
    """Tell whether the last `rule.patience_evaluations` measurements brought no improvement worth the name.

    An improvement lies at least `rule.min_improvement` below the last one that was one; any lower loss is, where that
    is 0.
    """
    if rule is None:
        return False
    least, since, reference = float(rule.min_improvement), 0, math.inf
    for one in found:
        better = one.loss < reference and (reference - one.loss) >= least
        since = 0 if better else since + 1
        reference = one.loss if better else reference
    return since >= rule.patience_evaluations


class Best:
    """The best measured weights, in the memory of the host; none where they are not wanted.

    Of a model that is divided among processes, each holds its part.
    """

    def __init__(self, recipe: CausalLM) -> None:
        self._wanted = publishes_best(recipe)
        self.weights: dict[str, torch.Tensor] = {}

    def remember(self, found: Iterable[Measured], step: int, parameters: Mapping[str, torch.nn.Parameter]) -> None:
        """Keep the weights after `step`, if they are wanted and the best that were measured."""
        choice = best(found)
        if self._wanted and choice is not None and choice.step == step:
            self.weights = {name: own(p.detach()).to("cpu", copy=True) for name, p in parameters.items()}

    def restore(self, found: Mapping[str, torch.Tensor], parameters: Mapping[str, torch.nn.Parameter]) -> None:
        """Take the weights, whole, that a checkpoint held."""
        self.weights = {name: own(divided(value, parameters[name])).cpu() for name, value in found.items()}

    def choose(
        self, found: Iterable[Measured], step: int, parameters: Mapping[str, torch.nn.Parameter]
    ) -> Measured | None:
        """Put the best weights in the place of those after `step`; return what they measured, None without any."""
        choice = best(found) if self.weights else None
        if choice is not None and choice.step != step:
            log.info("publishing the weights of step %d, with validation loss %.4f", choice.step, choice.loss)
            with torch.no_grad():
                for name, parameter in parameters.items():
                    own(parameter).copy_(self.weights[name])
        return choice


def publishes_best(recipe: CausalLM) -> bool:
    """Tell whether the result is the best measured weights, not the last."""
    return recipe.publish == "Best" or (recipe.publish is None and recipe.early_stopping is not None)
