"""Which stations does a candidate pass on its way, by its strategy?"""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.bluegreen import BlueGreen
from slipway.api.canary import Canary
from slipway.api.rollout import RolloutSpec
from slipway.kubectl.text import span

DEFAULT_HOLD = 60
"""Seconds of a canary step that names none."""


@dataclass(frozen=True)
class Station:
    """One step of status.step, in words."""

    name: str
    seconds: int | None
    """How long it lasts at least; None where a command ends it."""
    pause: bool = False
    metrics: frozenset[str] | None = None
    """Names of the metrics in force; None means all."""


def stations(spec: RolloutSpec) -> tuple[Station, ...]:
    """Return the steps before all traffic, in the order of status.step."""
    match spec.strategy.chosen:
        case Canary() as canary:
            return _canary(canary)
        case BlueGreen() as blue_green:
            return _blue_green(blue_green)
        case _:
            return ()


def _canary(canary: Canary) -> tuple[Station, ...]:
    found: list[Station] = []
    for step in canary.steps:
        if step.pause is not None:
            lasts = step.pause.seconds
            name = "pause" if lasts is None else f"pause {span(lasts)}"
            found.append(Station(name, lasts, True, found[-1].metrics if found else None))
            continue
        metrics = frozenset(step.metrics) if step.metrics is not None else None
        hold = DEFAULT_HOLD if step.hold_seconds is None else step.hold_seconds
        found.append(Station(f"{step.percent} %", hold, metrics=metrics))
    return tuple(found)


def _blue_green(blue_green: BlueGreen) -> tuple[Station, ...]:
    metrics = frozenset(blue_green.metrics) if blue_green.metrics is not None else None
    preview = Station("preview", blue_green.hold_seconds, metrics=metrics)
    return (preview,) if blue_green.auto_promote else (preview, Station("pause", None, True, metrics))
