"""Which trials fall behind?

Asynchronous successive halving (https://arxiv.org/abs/1810.05934) in the form that stops, as Optuna's pruner has it:
after each border a trial goes on while it is among the best 1/factor of all that were measured there. Unlike Optuna's,
it ends nobody where fewer than `factor` were measured, and asks again when others come: nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slipway.api.search import Measurement, Pruning
from slipway.training.search.trials import Seen
from slipway.training.trial import PRUNED, Stop, rung


def behind(trials: Iterable[Seen], pruning: Pruning | None) -> Mapping[int, Stop]:
    """Return, by number, why running trials are to be ended."""
    if pruning is None:
        return {}
    borders: dict[int, list[float]] = {}
    last: dict[int, tuple[int, Measurement]] = {}
    for trial in trials:
        for measurement in trial.status.trial.measurements if trial.status.trial is not None else ():
            reached = rung(pruning, measurement.step)
            if reached is None:
                continue
            borders.setdefault(reached, []).append(float(measurement.value))
            if trial.outcome == "Running":
                last[trial.number] = reached, measurement
    found = ((number, _verdict(measurement, borders[at], pruning)) for number, (at, measurement) in last.items())
    return {number: stop for number, stop in found if stop is not None}


def _verdict(measurement: Measurement, competing: list[float], pruning: Pruning) -> Stop | None:
    places = len(competing) // pruning.reduction_factor
    if not places:
        return None
    worst = sorted(competing)[places - 1]
    if float(measurement.value) <= worst:
        return None
    said = (
        f"its validation loss after {measurement.step} steps, {measurement.value}, is not among the best {places} of "
        f"{len(competing)} trials measured there ({worst:g} or less)"
    )
    return Stop(PRUNED, said)
