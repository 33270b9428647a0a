"""How is each object summed up in a line, for the live view and for logs?"""

from __future__ import annotations

from dataclasses import dataclass

from e2e.demo.cast import MODEL, short
from e2e.demo.tape import Sighting
from e2e.setup.progress import duration
from slipway.api.dataset import DatasetStatus
from slipway.api.modelversion import ModelVersionStatus
from slipway.api.rollout import RolloutStatus
from slipway.api.trainingjob_status import TrainingJobStatus

GOOD = {"Ready", "Succeeded", "Healthy"}
BAD = {"Failed", "Rejected", "Stalled", "Degraded", "RollingBack"}


@dataclass(frozen=True)
class Line:
    """An object in words. `done` (0 to 1) is how far it is, where that can be said."""

    kind: str
    name: str
    state: str
    done: float | None
    figures: str
    message: str

    @property
    def mood(self) -> str:
        """Good, Bad or Busy."""
        return "Good" if self.state in GOOD else "Bad" if self.state in BAD else "Busy"

    @property
    def text(self) -> str:
        """The line for a log; a run's progress changes it four times, not at every step."""
        parts = [self.kind, self.name, self.state]
        if self.done is not None and self.mood == "Busy":
            quarter = int(self.done * 4) * 25
            return " · ".join([*parts, f"{quarter} %"]) if self.kind == "TrainingJob" else self._full(parts)
        return self._full(parts)

    def _full(self, parts: list[str]) -> str:
        return " · ".join(part for part in [*parts, self.figures, self.message] if part)


def describe(sighting: Sighting) -> Line:
    """Return the line of an object of our four kinds."""
    match sighting.kind:
        case "Dataset":
            return _dataset(sighting)
        case "TrainingJob":
            return _training(sighting)
        case "ModelVersion":
            return _version(sighting)
        case "Rollout":
            return _rollout(sighting)
        case other:
            raise ValueError(f"the story has no line for a {other}")


def _dataset(sighting: Sighting) -> Line:
    status = DatasetStatus.model_validate(sighting.status)
    rows = status.rows
    figures = (
        f"{rows.train} train, {rows.validation} validation, {rows.test} test; "
        f"{rows.duplicates} duplicates dropped, {rows.rejected} rejected"
        if rows is not None
        else ""
    )
    return Line("Dataset", sighting.name, status.state, None, figures, _unless_good(status.state, status.message))


def _training(sighting: Sighting) -> Line:
    status = TrainingJobStatus.model_validate(sighting.status)
    progress = status.progress
    figures, done = "", None
    if progress is not None and progress.steps:
        done = progress.step / progress.steps
        parts = [f"step {progress.step}/{progress.steps}"]
        if progress.validation_loss is not None:
            parts.append(f"validation loss {float(progress.validation_loss):.2f}")
        elif progress.loss is not None:
            parts.append(f"loss {float(progress.loss):.2f}")
        if progress.tokens_per_second:
            parts.append(f"{progress.tokens_per_second} tokens/s")
        if progress.eta_seconds and status.state == "Running":
            parts.append(f"{duration(progress.eta_seconds)} left")
        figures = " · ".join(parts)
    name = sighting.name.removeprefix(f"{MODEL}-")
    return Line("TrainingJob", name, status.state, done, figures, _unless_good(status.state, status.message))


def _version(sighting: Sighting) -> Line:
    status = ModelVersionStatus.model_validate(sighting.status)
    figures = [status.stage]
    for metric in status.metrics:
        against = f" ({float(metric.reference):.2f})" if metric.reference is not None else ""
        figures.append(f"{metric.name} {float(metric.value):.2f}{against}")
    return Line(
        "ModelVersion",
        short(sighting.name),
        status.state,
        None,
        " · ".join(figures),
        _unless_good(status.state, status.message),
    )


def _rollout(sighting: Sighting) -> Line:
    status = RolloutStatus.model_validate(sighting.status)
    stable = short(status.stable.version) if status.stable is not None else "nothing"
    if status.candidate is None:
        return Line(
            "Rollout", sighting.name, status.state, None, f"{stable} serves", _unless_good(status.state, status.message)
        )
    figures = f"{stable} → {short(status.candidate.version)} · {status.percent} % of traffic"
    if status.steps and status.percent < 100:
        figures += f" · step {min(status.step + 1, status.steps)} of {status.steps}"
    return Line("Rollout", sighting.name, status.state, status.percent / 100, figures, "")


def _unless_good(state: str, message: str) -> str:
    return "" if state in GOOD else message
