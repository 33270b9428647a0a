"""Which plots does a study have?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.contract.study import PlottedParameter, PlottedStudy, PlottedTrial
from slipway_data.study.scales import HEIGHT, WIDTH, Scale, choices, numbers


@dataclass(frozen=True)
class Dot:
    """One complete trial on a plot."""

    x: float
    y: float
    best: bool
    words: str


@dataclass(frozen=True)
class Plot:
    """Dots over two axes, and a line where there is one."""

    title: str
    across: Scale
    up: Scale
    dots: tuple[Dot, ...]
    line: tuple[tuple[float, float], ...] = ()


def plots(study: PlottedStudy) -> tuple[Plot, ...]:
    """Return the history of a study and a slice for each parameter; nothing where no trial has a value."""
    done = [trial for trial in study.trials if trial.value is not None]
    if not done:
        return ()
    up = numbers([trial.value or "0" for trial in done], HEIGHT)
    return history(study, done, up), *(piece(study, parameter, done, up) for parameter in study.parameters)


def history(study: PlottedStudy, done: Sequence[PlottedTrial], up: Scale) -> Plot:
    """Return values in the order of trials, and the best so far as a line of steps."""
    across = numbers([str(trial.number) for trial in study.trials], WIDTH)
    better = min if study.direction == "Minimize" else max
    line: list[tuple[float, float]] = []
    leader = done[0].value or "0"
    for trial in done:
        before, leader = leader, better(leader, trial.value or "0", key=float)
        x = across.place(str(trial.number))
        line += [(x, _up(up, before)), (x, _up(up, leader))]
    dots = tuple(_dot(study, trial, across.place(str(trial.number)), up) for trial in done)
    return Plot(f"{study.metric} by trial, and the best so far", across, up, dots, tuple(line))


def piece(study: PlottedStudy, parameter: PlottedParameter, done: Sequence[PlottedTrial], up: Scale) -> Plot:
    """Return values over one parameter."""
    there = [(trial, trial.parameters[parameter.field]) for trial in done if parameter.field in trial.parameters]
    if parameter.choices:
        across = choices(parameter.choices, WIDTH)
    else:
        across = numbers([value for _, value in there], WIDTH, log=parameter.log)
    dots = tuple(_dot(study, trial, across.place(value), up) for trial, value in there)
    return Plot(f"{study.metric} over {parameter.field}", across, up, dots)


def _dot(study: PlottedStudy, trial: PlottedTrial, x: float, up: Scale) -> Dot:
    words = f"{trial.name}: {trial.value}; " + ", ".join(f"{k} {v}" for k, v in trial.parameters.items())
    return Dot(x, _up(up, trial.value or "0"), trial.number == study.best, words)


def _up(scale: Scale, value: str) -> float:
    """Return the height of a value; a page counts downwards."""
    return HEIGHT - scale.place(value)
