"""Which parameters does the next trial have? Nothing here is imported by the operator's own process: see `__main__`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from slipway.search.study import Axis, ChoiceAxis, Drawn, FloatAxis, IntAxis, Parameters, Study, Tried, text, value

DRAWS: Final = 32
"""How often a draw that was tried already is drawn again. The same parameters and seed would train the same model."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


def suggest(study: Study) -> Drawn:
    """Return the parameters of trial `study.number`. Equal studies give equal parameters, in any process.

    The generator starts anew for each trial, from seed and number: nothing has to be remembered between trials.
    """
    tried = [trial.parameters for trial in study.trials]
    found: Parameters = {}
    for attempt in range(DRAWS):
        found = _drawn(study, attempt)
        if found not in tried:
            return Drawn(parameters=found)
    return Drawn(parameters=next((each for each in _all(study.axes) if each not in tried), found))


def _drawn(study: Study, attempt: int) -> Parameters:
    mark = hashlib.sha256(f"{study.seed}/{study.number}/{attempt}".encode()).digest()
    told = optuna.create_study(
        direction="maximize" if study.maximize else "minimize",
        sampler=_sampler(study, int.from_bytes(mark[:4], "big")),
    )
    distributions = {axis.field: _distribution(axis) for axis in study.axes}
    told.add_trials([made for trial in study.trials if (made := _frozen(trial, study.axes, distributions)) is not None])
    asked = told.ask(fixed_distributions=distributions)
    return {axis.field: text(axis, asked.params[axis.field]) for axis in study.axes}


def _sampler(study: Study, seed: int) -> BaseSampler:
    if study.sampler == "Random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=study.startup)


def _distribution(axis: Axis) -> BaseDistribution:
    match axis:
        case FloatAxis():
            return FloatDistribution(axis.low, axis.high, log=axis.log)
        case IntAxis():
            return IntDistribution(axis.low, axis.high, log=axis.log, step=axis.step)
        case ChoiceAxis():
            return CategoricalDistribution(axis.choices)


def _frozen(trial: Tried, axes: tuple[Axis, ...], distributions: dict[str, BaseDistribution]) -> FrozenTrial | None:
    """Return `trial` as Optuna knows trials; None where its parameters are not of this space."""
    values: dict[str, Any] = {axis.field: value(axis, trial.parameters.get(axis.field, "")) for axis in axes}
    if None in values.values():
        return None
    common: dict[str, Any] = {"params": values, "distributions": distributions}
    match trial.state:
        case "Complete":
            return create_trial(state=TrialState.COMPLETE, value=trial.value, **common)
        case "Running":
            return create_trial(state=TrialState.RUNNING, **common)
        case "Pruned" | "Bad":
            # Pruned without any value is Optuna's worst: TPE keeps away from such parameters. It ignores failed trials.
            return create_trial(state=TrialState.PRUNED, intermediate_values=dict(trial.measured), **common)


def _all(axes: tuple[Axis, ...]) -> Iterator[Parameters]:
    """Yield every trial that a space of finite size allows; nothing where one axis has no bound."""
    if any(isinstance(axis, FloatAxis) for axis in axes):
        return
    steps = [
        axis.choices if isinstance(axis, ChoiceAxis) else [str(n) for n in range(axis.low, axis.high + 1, axis.step)]
        for axis in axes
        if not isinstance(axis, FloatAxis)
    ]
    for each in product(*steps):
        yield {axis.field: written for axis, written in zip(axes, each, strict=True)}
