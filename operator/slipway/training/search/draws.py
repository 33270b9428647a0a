"""Which trial comes next, and has the sampler drawn its parameters?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from slipway.api.search import Search
from slipway.contract.artifact import digest_of
from slipway.plan import Ask, Draw, Facts
from slipway.search.study import Drawn, Parameters, Study, Tried, size
from slipway.training.objects import Training
from slipway.training.search.space import axes
from slipway.training.search.trials import Seen

PATIENCE: Final = timedelta(seconds=30)
"""After which a sampler that failed is asked again."""


@dataclass(frozen=True)
class Next:
    """The next trial: its parameters once they are drawn, the question until then."""

    number: int
    ask: Ask | None
    parameters: Parameters | None = None
    error: str = ""
    look: timedelta | None = None


def most(search: Search) -> int:
    """Return how many trials there will be: a space may have fewer than maxTrials."""
    return min(search.max_trials, size(axes(search)) or search.max_trials)


def draw(search: Training, trials: Sequence[Seen], facts: Facts, now: datetime) -> Next:
    """Return the next trial. Its question holds all that it depends on, so that an older answer is none to it."""
    known = {trial.number for trial in trials}
    number = next(number for number in range(len(known) + 1) if number not in known)
    study = _study(search, trials, number).model_dump_json()
    ask = Ask(f"trial {number} of {digest_of([study])}", Draw(study))
    answer = facts.answers.get(ask.id)
    if answer is None:
        return Next(number, ask)
    error = answer.error
    if not error:
        try:
            return Next(number, ask, Drawn.model_validate_json(answer.message).parameters)
        except ValidationError as wrong:
            error = f"it answered something else: {wrong.errors(include_url=False)[0]['msg']}"
    left = answer.at + PATIENCE - now
    if left > timedelta():
        return Next(number, ask, error=error, look=left)
    return Next(number, None, error=error, look=timedelta(seconds=1))  # what is not asked is forgotten, and asked anew


def _study(search: Training, trials: Sequence[Seen], number: int) -> Study:
    wanted = search.spec.search
    assert wanted is not None
    return Study(
        axes=axes(wanted),
        sampler=wanted.sampler,
        startup=wanted.startup_trials,
        maximize=wanted.objective.direction == "Maximize",
        seed=search.spec.seed,
        number=number,
        trials=tuple(tried for trial in trials if (tried := _tried(trial)) is not None),
    )


def _tried(trial: Seen) -> Tried | None:
    """Return `trial` for the sampler; None where it says nothing about its parameters."""
    number, parameters = trial.number, trial.parameters
    match trial.outcome:
        case "Complete":
            return Tried(number=number, state="Complete", parameters=parameters, value=float(trial.value or 0))
        case "Pruned":
            measurements = trial.status.trial.measurements if trial.status.trial is not None else []
            measured = tuple((m.step, float(m.value)) for m in measurements)
            return Tried(number=number, state="Pruned", parameters=parameters, measured=measured)
        case "Running":
            return Tried(number=number, state="Running", parameters=parameters)
        case _:
            return Tried(number=number, state="Bad", parameters=parameters) if trial.exploded else None
