"""Which steps does a candidate take under the strategy that the spec chose?

A strategy is a list of steps: shares of traffic, each held until its time is over and its metrics pass. The rules walk
any such list; after the last step comes everything, and the bake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from slipway.api.rollout import Canary, RolloutSpec


@dataclass(frozen=True)
class Step:
    """A share of traffic, held for a time."""

    percent: int
    """Of requests, sent to the candidate."""
    hold: timedelta = timedelta(0)


EVERYTHING = Step(100)


def steps_of(spec: RolloutSpec) -> tuple[Step, ...]:
    """Return the steps before promotion."""
    chosen = spec.strategy.chosen
    assert isinstance(chosen, Canary)
    return tuple(Step(step.percent, timedelta(seconds=step.hold_seconds)) for step in chosen.steps)


def step_at(steps: Sequence[Step], index: int) -> Step:
    """Return step `index`; after the last one, everything."""
    return steps[index] if index < len(steps) else EVERYTHING
