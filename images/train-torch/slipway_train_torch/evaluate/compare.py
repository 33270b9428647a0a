"""What do two models' figures, item by item, say about the difference between them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.api.base import significant
from slipway.api.common import Evaluation, NamedMetric
from slipway.api.modelversion import MetricResult
from slipway_train_torch.evaluate.bounds import graded_bound, improvement, yes_no_bound
from slipway_train_torch.evaluate.changes import HIGHER_IS_BETTER, gains, worse
from slipway_train_torch.evaluate.results import Figure

ALWAYS = 95
"""Confidence of the bound that is shown where no gate asks for one."""


@dataclass(frozen=True)
class Compared:
    """One metric of a version: its figure, and its improvement over the reference with bounds per confidence."""

    metric: MetricResult
    lower_bounds: dict[str, str]


def compare(
    named: NamedMetric, evaluation: Evaluation, subject: Sequence[Figure], reference: Sequence[Figure] | None
) -> Compared | None:
    """Return what the figures say, or None when `subject` has a figure that is not finite."""
    value = mean(subject)
    if value is None:
        return None
    measured = MetricResult(name=named.name, value=significant(value), samples=len(subject))
    before = mean(reference) if reference is not None else None
    found = gains(named, subject, reference) if reference is not None and before is not None else None
    if reference is None or before is None or found is None:
        return Compared(measured, {})
    higher = isinstance(named.measure.chosen, HIGHER_IS_BETTER)
    binary = higher and all(figure.amount in (0.0, 1.0) for figure in (*subject, *reference))
    bounds: dict[str, str] = {}
    for confidence in sorted(wanted(named.name, evaluation)):
        bound = yes_no_bound(found, confidence) if binary else graded_bound(found, confidence, evaluation.seed)
        if bound is not None:
            bounds[str(confidence)] = significant(bound)
    count, names = worse(subject, found)
    update = {
        "reference": significant(before),
        "improvement": significant(improvement(found)),
        "worse": count,
        "worst": names,
    }
    return Compared(measured.model_copy(update=update), bounds)


def mean(figures: Sequence[Figure]) -> float | None:
    """Return amount per weight of all figures together; None when that is no finite number."""
    weight = sum(figure.weight for figure in figures)
    value = sum(figure.amount for figure in figures) / weight if weight else math.nan
    return value if math.isfinite(value) else None


def wanted(metric: str, evaluation: Evaluation) -> set[int]:
    """Return the confidence percents at which bounds of `metric` are asked for."""
    gates = (gate for gate in evaluation.gates if gate.metric == metric and gate.min_improvement is not None)
    return {ALWAYS, *(gate.confidence_percent for gate in gates)}
