"""What does a sampler need to know of a search? One JSON document, equal for equal trials."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slipway.api.base import significant

Parameters = dict[str, str]
"""Values by field, as texts: what the recipe is given, and what stands in status."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FloatAxis(_Part):
    """Numbers from `low` to `high`."""

    kind: Literal["float"] = "float"
    field: str
    low: float
    high: float
    log: bool = False


class IntAxis(_Part):
    """Whole numbers `low`, `low + step`, … up to `high`, which is one of them."""

    kind: Literal["int"] = "int"
    field: str
    low: int
    high: int
    step: int = 1
    log: bool = False


class ChoiceAxis(_Part):
    """One of `choices`."""

    kind: Literal["choice"] = "choice"
    field: str
    choices: tuple[str, ...]


Axis = FloatAxis | IntAxis | ChoiceAxis


class Tried(_Part):
    """One trial.

    Bad means that its parameters made it fail: worse than any value. Running ones are known by their parameters alone,
    so that their progress does not change what is drawn.
    """

    number: int
    state: Literal["Running", "Complete", "Pruned", "Bad"]
    parameters: Parameters
    value: float | None = None
    """Of a complete trial."""
    measured: tuple[tuple[int, float], ...] = ()
    """(step, value) of a pruned trial, oldest first."""

    @model_validator(mode="after")
    def _has_what_its_state_needs(self) -> Self:
        if (self.state == "Complete") != (self.value is not None):
            raise ValueError("a complete trial has a value, and no other has one")
        return self


class Study(_Part):
    """A search as far as the next trial depends on it."""

    axes: tuple[Annotated[Axis, Field(discriminator="kind")], ...]
    sampler: Literal["TPE", "Random"]
    startup: int
    """Trials that end before TPE learns."""
    maximize: bool
    seed: int
    number: int
    """Of the trial to draw."""
    trials: tuple[Tried, ...] = ()
    """All others, by number."""


class Drawn(_Part):
    """What a trial shall have."""

    parameters: Parameters


def size(axes: tuple[Axis, ...]) -> int | None:
    """Return the number of different trials that `axes` allow; None where it has no bound."""
    count = 1
    for axis in axes:
        match axis:
            case FloatAxis():
                return None
            case IntAxis():
                count *= (axis.high - axis.low) // axis.step + 1
            case ChoiceAxis():
                count *= len(axis.choices)
    return count


def text(axis: Axis, value: object) -> str:
    """Return a drawn value as the recipe is given it. Six digits never leave the range."""
    match axis:
        case FloatAxis():
            assert isinstance(value, float)
            written = significant(value)
            return written if axis.low <= float(written) <= axis.high else repr(value).replace("e+", "e")
        case _:
            return str(value)


def value(axis: Axis, written: str) -> float | int | str | None:
    """Return what `written` means on `axis`; None where it lies outside."""
    try:
        match axis:
            case FloatAxis():
                real = float(written)
                return real if axis.low <= real <= axis.high else None
            case IntAxis():
                whole = int(written)
                on_grid = axis.low <= whole <= axis.high and (whole - axis.low) % axis.step == 0
                return whole if on_grid else None
            case ChoiceAxis():
                return written if written in axis.choices else None
    except ValueError:
        return None
