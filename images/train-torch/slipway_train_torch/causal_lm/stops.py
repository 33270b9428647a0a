"""When is a run beyond help, so that every further step would be wasted?

A run that is merely bad goes on: gates judge what it makes. One that cannot become a model ends here, with an error
that is not tried again, and with its checkpoints as they are.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway_pod.errors import BadConfig, BadData, shortened

log = logging.getLogger("slipway")

GRADIENT_NORM = 1e5
"""SmolLM2-135M begins with a norm of 0.9; it reached 4.4e5 with learning rate 0.5, and 2.2e8 with 10."""
WORSE_THAN_GUESSING = 1.5
"""So many times the loss of guessing among all tokens, ln(vocabulary), no model is that still says anything."""
PATIENCE = 8
"""Steps in a row: one bad batch is none of it."""
ROWS_SHOWN = 600
CURE = "lower recipe.causalLM.learningRate, raise warmupPercent, or set maxGradientNorm to 1.0"


@dataclass(frozen=True)
class Step:
    """One optimiser step, before the weights are changed."""

    number: int
    steps: int
    rows: Sequence[str]
    """Ids of the rows in its batch."""
    rate: float
    loss: float
    """Nats per trained token."""
    norm: float
    """Of the whole gradient, before clipping."""

    def where(self) -> str:
        """Return which step it is, for people."""
        return f"step {self.number} of {self.steps}"

    def what(self) -> str:
        """Return the batch and the learning rate, for people."""
        return f"the batch is of rows {_logged(self.rows)}, the learning rate {self.rate:.3g}"


@dataclass(frozen=True)
class Limits:
    """What a run may not exceed."""

    gradient_norm: float
    """Infinity means no limit."""
    loss: float
    """Nats per trained token."""

    @classmethod
    def of(cls, gradient_norm: str | None, vocabulary: int) -> Limits:
        """Return the limits of a run with `stopGradientNorm` (None: the default, "0": none) and so many tokens."""
        norm = GRADIENT_NORM if gradient_norm is None else float(gradient_norm)
        return cls(norm or math.inf, WORSE_THAN_GUESSING * math.log(vocabulary))

    def check(self, step: Step, losses: Sequence[float]) -> None:
        """Raise BadConfig when `step` shows that the run is lost; `losses` are those of the steps before, oldest first.

        Reasons: LossNotFinite, GradientExploded, Diverged.
        """
        if not (math.isfinite(step.loss) and math.isfinite(step.norm)):
            raise _lost(
                "LossNotFinite", step, f"at {step.where()} the loss is {step.loss} and the gradient's norm {step.norm}"
            )
        if step.norm > self.gradient_norm:
            raise _lost(
                "GradientExploded",
                step,
                f"at {step.where()} the gradient's norm is {step.norm:.3g}, above {self.gradient_norm:.3g} "
                f"(stopGradientNorm); the loss is {step.loss:.4g}",
            )
        recent = [*losses[1 - PATIENCE :], step.loss]
        if len(recent) == PATIENCE and min(recent) > self.loss:
            raise _lost(
                "Diverged",
                step,
                f"at {step.where()} the loss is {step.loss:.4g} and has been above {self.loss:.4g} for {PATIENCE} "
                f"steps, which is {WORSE_THAN_GUESSING} times the loss of guessing",
            )

    def sound(self, losses: Sequence[float]) -> bool:
        """Tell whether the newest weights are worth a checkpoint that pushes an older one out."""
        return not losses or losses[-1] <= self.loss


def require_targets(targets: int, number: int, steps: int, rows: Sequence[str]) -> None:
    """Raise BadData when a batch trains on no token at all."""
    if targets == 0:
        raise BadData(
            "NothingToTrain",
            f"at step {number} of {steps} no token of the batch is trained; it is of rows {_logged(rows)}: raise "
            "recipe.causalLM.maxTokens, or drop these rows",
            example=", ".join(rows),
        )


def _lost(reason: str, step: Step, said: str) -> BadConfig:
    return BadConfig(reason, f"{said}; {step.what()}: {CURE}", example=", ".join(step.rows))


def _logged(rows: Sequence[str]) -> str:
    """Write the ids of a batch to the log, and return as many of them as a message has room for."""
    whole = ", ".join(rows)
    log.error("rows of the batch: %s", whole)
    return shortened(whole, ROWS_SHOWN)
