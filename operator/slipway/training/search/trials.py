"""How far is each trial of a search?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from slipway.api.conditions import SUCCEEDED, find
from slipway.api.search import Objective, Search, TrialOutcome
from slipway.api.trainingjob import Recipe
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.attempt import order
from slipway.jobs import Run, runs
from slipway.plan import Manifest, View
from slipway.search.study import Parameters
from slipway.training import datasets
from slipway.training.objects import Training
from slipway.training.observe import status_of
from slipway.training.search.space import parameters_of
from slipway.training.trial import PRUNED, Stop, trial_of

NOT_MEASURED: Final = "NotMeasured"
EXPLODED: Final = frozenset({"LossNotFinite", "GradientExploded", "Diverged"})
"""Failures that the parameters are to blame for. They tell the sampler where not to look."""


@dataclass(frozen=True)
class Seen:
    """One trial as its TrainingJob shows it."""

    number: int
    manifest: Manifest
    status: TrainingJobStatus
    parameters: Parameters
    outcome: TrialOutcome
    value: str | None = None
    reason: str | None = None
    """Its own word for how it ended, where it has no value."""
    stop: Stop | None = None
    """Why it was told to end."""

    @property
    def name(self) -> str:
        """The name of its TrainingJob."""
        return str(self.manifest["metadata"]["name"])

    @property
    def exploded(self) -> bool:
        """Whether its parameters made it fail."""
        return self.outcome == "Failed" and self.reason in EXPLODED


@dataclass(frozen=True)
class Observed:
    """Everything outside a search that its next step depends on."""

    data: Mapping[str, datasets.Data] = field(default_factory=dict)
    """The Datasets that its trials read, by name."""
    trials: tuple[Seen, ...] = ()
    """By number."""
    run: Run | None = None
    """The newest Job of its own: the one that draws its page."""
    version: Manifest | None = None
    """The ModelVersion that has the name of the result."""
    owned: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """(kind, name) of its children."""


def observe(search: Training, view: View, owned: frozenset[tuple[str, str]]) -> Observed:
    """Read what `search` depends on."""
    root = search.root
    return Observed(
        data=datasets.read(search.spec, root.namespace, view),
        trials=_trials(search, view.owned(root.uid, "TrainingJob")),
        run=max(runs(view, root.uid), key=order, default=None),
        version=view.get("ModelVersion", root.namespace, search.model_version),
        owned=owned,
    )


def _trials(search: Training, children: Iterable[Manifest]) -> tuple[Seen, ...]:
    assert search.spec.search is not None
    found: dict[int, Seen] = {}
    for child in children:
        trial = trial_of(child)
        if trial is not None and trial.uid == search.root.uid and trial.number is not None:
            found[trial.number] = _seen(search.spec.search, child, trial.number, trial.stop)
    return tuple(found[number] for number in sorted(found))


def _seen(search: Search, child: Manifest, number: int, stop: Stop | None) -> Seen:
    status = status_of(child)
    ended = find(status.conditions, SUCCEEDED)
    said = ended.reason if ended is not None else None
    parameters = _parameters(child, search)
    common: dict[str, Any] = {"number": number, "manifest": child, "status": status, "parameters": parameters}
    match status.state:
        case "Succeeded":
            value = _value(search.objective, status)
            if value is None:
                return Seen(**common, outcome="Failed", reason=NOT_MEASURED)
            return Seen(**common, outcome="Complete", value=value)
        case "Failed":
            return Seen(**common, outcome="Failed", reason=said)
        case "Stopped":
            return Seen(**common, outcome="Pruned" if said == PRUNED else "Stopped", reason=said)
        case _:
            return Seen(**common, outcome="Running", stop=stop)


def _parameters(child: Manifest, search: Search) -> Parameters:
    try:
        recipe = Recipe.model_validate((child.get("spec") or {}).get("recipe") or {})
    except ValidationError:
        return {}
    return parameters_of(recipe, (parameter.field for parameter in search.parameters))


def _value(objective: Objective, status: TrainingJobStatus) -> str | None:
    match objective.metric:
        case "ValidationLoss":
            return status.validation_loss
        case "TokensPerSecond":
            return status.trial.tokens_per_second if status.trial is not None else None


def best(objective: Objective, trials: Iterable[Seen]) -> Seen | None:
    """Return the complete trial with the best value; of equals, the first."""
    sign = 1 if objective.direction == "Minimize" else -1
    complete = [trial for trial in trials if trial.value is not None]
    return min(complete, key=lambda trial: (sign * float(trial.value or 0), trial.number), default=None)
