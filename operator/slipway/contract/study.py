"""What of a search is shown on one page, beside the models it made?"""

from __future__ import annotations

from typing import Literal

from slipway.api.base import StatusModel
from slipway.api.search import TrialOutcome


class PlottedTrial(StatusModel):
    """One trial. Values are numbers as texts."""

    number: int
    name: str
    state: TrialOutcome
    value: str | None = None
    reason: str | None = None
    parameters: dict[str, str] = {}
    measured: tuple[tuple[int, str], ...] = ()
    """(step, validation loss) at each border that it came to."""


class PlottedParameter(StatusModel):
    """A field that was searched; without `choices` its values are numbers."""

    field: str
    log: bool = False
    choices: tuple[str, ...] = ()


class PlottedStudy(StatusModel):
    """A whole search."""

    metric: str
    direction: Literal["Minimize", "Maximize"]
    best: int | None = None
    """Number of the best trial."""
    parameters: tuple[PlottedParameter, ...]
    trials: tuple[PlottedTrial, ...]
    """By number."""


def study_key(prefix: str, namespace: str, name: str, uid: str) -> str:
    """Return where the page of a search lies in its bucket: its own, even where a namesake searched before."""
    return f"{prefix}/studies/{namespace}/{name}-{uid[:8]}/study.html"
