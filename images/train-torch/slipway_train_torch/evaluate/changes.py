"""Which items got better than the reference's, and which got worse?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slipway.api.common import BlenderExecution, BlueprintDistance, BlueprintValidity, NamedMetric
from slipway.api.modelversion import ID_LENGTH, MOST_NAMED, MetricResult
from slipway.contract.result import Evaluated, encode
from slipway_train_torch.evaluate.bounds import Gain
from slipway_train_torch.evaluate.results import Figure

HIGHER_IS_BETTER = (BlenderExecution, BlueprintDistance, BlueprintValidity)


@dataclass(frozen=True)
class Change:
    """One item on both sides, as the report lists it."""

    at: int
    """Its place among the items of the metric, from 1."""
    now: Figure
    then: Figure | None
    gain: float | None
    """What was won, in the units of the metric; negative is a loss. None where no number says it."""


def gains(named: NamedMetric, subject: Sequence[Figure], reference: Sequence[Figure]) -> list[Gain] | None:
    """Return what each item says about subject against reference; None where the two are no pairs.

    Models with different tokenizers count different tokens: their nats per token are no pair.
    """
    if [(f.id, f.weight) for f in subject] != [(f.id, f.weight) for f in reference]:
        return None
    sign = 1.0 if isinstance(named.measure.chosen, HIGHER_IS_BETTER) else -1.0
    return [
        Gain(now.group, sign * (now.amount - then.amount), now.weight)
        for now, then in zip(subject, reference, strict=True)
    ]


def listed(named: NamedMetric, subject: Sequence[Figure], reference: Sequence[Figure] | None) -> Iterator[Change]:
    """Yield every item: where they are pairs, what lost most comes first; else in the order of measurement."""
    found = gains(named, subject, reference) if reference is not None else None
    then = {figure.id: figure for figure in reference or ()}
    changes = [
        Change(at, figure, then.get(figure.id), _each(found[at - 1]) if found is not None else None)
        for at, figure in enumerate(subject, start=1)
    ]
    if found is None:
        yield from changes
        return
    # What has no figure any more lost more than any number can say.
    yield from sorted(changes, key=lambda one: (-math.inf if one.gain is None else one.gain, one.at))


def worse(subject: Sequence[Figure], found: Sequence[Gain]) -> tuple[int, list[str]]:
    """Return how many items got worse, and the ids of those that lost most, the worst first."""
    pairs = zip(subject, found, strict=True)
    losses = sorted((gain.amount / gain.weight, figure.id) for figure, gain in pairs if gain.amount < 0)
    return len(losses), [tail(name, ID_LENGTH) for _, name in losses[:MOST_NAMED]]


def tail(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`: of a row's id, which begins with its file's path, the end tells."""
    return text if len(text) <= limit else f"…{text[1 - limit :]}"


def fitting(result: Evaluated) -> Evaluated:
    """Return `result` with as many items named as a termination message takes; their numbers stay.

    Raises ValueError where it does not fit without names either.
    """
    for most in range(MOST_NAMED, -1, -1):
        fewer = result.model_copy(update={"metrics": tuple(_naming(result, most))})
        try:
            encode(fewer)
        except ValueError:
            if not most:
                raise
            continue
        return fewer
    raise AssertionError("the loop ends with a return or an error")


def _naming(result: Evaluated, most: int) -> Iterable[MetricResult]:
    return (metric.model_copy(update={"worst": metric.worst[:most]}) for metric in result.metrics)


def _each(gain: Gain) -> float | None:
    """Return the gain per weight; a row without a trained token has none, and nothing to lose."""
    each = gain.amount / gain.weight if gain.weight else 0.0
    return each if math.isfinite(each) else None
