"""Is a TrainingJob the trial of a search, and what does that search want of it?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from slipway.api.base import API_VERSION, significant
from slipway.api.search import Measurement, Pruning, TrialStatus
from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.contract.result import Trained
from slipway.names import STOP_ANNOTATION, TRIAL_LABEL
from slipway.plan import Manifest

PRUNED: Final = "Pruned"
SEARCH_ENDED: Final = "SearchEnded"
_STOP = re.compile(r"([A-Z][A-Za-z0-9]{0,63})(?:: (.*))?", re.S)


@dataclass(frozen=True)
class Stop:
    """Why a trial is ended before its time."""

    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True)
class Trial:
    """A TrainingJob that another one, a search, owns. It publishes no ModelVersion."""

    search: str
    uid: str
    number: int | None
    stop: Stop | None = None


def trial_of(root: Manifest) -> Trial | None:
    """Return what `root` is to the search that owns it; None where none does. Labels alone make no trial."""
    meta: Manifest = root["metadata"]
    for owner in meta.get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == "TrainingJob" and owner.get("apiVersion") == API_VERSION:
            written = str((meta.get("labels") or {}).get(TRIAL_LABEL, ""))
            number = int(written) if written.isdecimal() and len(written) <= 9 else None
            return Trial(str(owner["name"]), str(owner["uid"]), number, _stop(meta))
    return None


def _stop(meta: Manifest) -> Stop | None:
    written = str((meta.get("annotations") or {}).get(STOP_ANNOTATION) or "")
    if not written:
        return None
    found = _STOP.fullmatch(written)
    return Stop(found[1], found[2] or "") if found else Stop(PRUNED, written)


# What a trial remembers for its search


def rung(pruning: Pruning, step: int) -> int | None:
    """Return how often a trial that was measured after `step` steps has come so far that it is compared; from 0."""
    if step < pruning.min_steps:
        return None
    found, border = 0, pruning.min_steps * pruning.reduction_factor
    while border <= step:
        found, border = found + 1, border * pruning.reduction_factor
    return found


def measured(status: TrainingJobStatus, pruning: Pruning | None) -> TrainingJobStatus:
    """Return `status` with the first measurement after each border that pushed progress shows.

    A push that was lost, or an operator that did not look, costs a border at most: the next one counts.
    """
    progress = status.progress
    if pruning is None or progress is None or progress.validation_step is None or progress.validation_loss is None:
        return status
    known = status.trial or TrialStatus()
    before = rung(pruning, known.measurements[-1].step) if known.measurements else None
    reached = rung(pruning, progress.validation_step)
    if reached is None or (before is not None and reached <= before):
        return status
    seen = Measurement(step=progress.validation_step, value=progress.validation_loss)
    trial = known.model_copy(update={"measurements": [*known.measurements, seen]})
    return status.model_copy(update={"trial": trial})


def remembered(status: TrainingJobStatus, result: Trained) -> TrainingJobStatus:
    """Return `status` with what a ModelVersion of `result` needs, for pods and their words are deleted."""
    update: dict[str, Any] = {"kind": result.kind, "formats": list(result.formats), "parameters": result.parameters}
    if result.tokens > 0 and result.seconds > 0:
        update["tokens_per_second"] = significant(result.tokens / result.seconds)
    return status.model_copy(update={"trial": (status.trial or TrialStatus()).model_copy(update=update)})


def result_of(status: TrainingJobStatus) -> Trained | None:
    """Return the result that a complete trial remembers."""
    if status.artifact is None or status.trial is None or status.trial.kind is None:
        return None
    return Trained(
        artifact=status.artifact,
        kind=status.trial.kind,
        formats=tuple(status.trial.formats),
        steps=status.steps or 0,
        published_step=status.published_step,
        validation_loss=status.validation_loss,
        parameters=status.trial.parameters,
    )
