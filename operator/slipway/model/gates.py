"""Do a version's figures meet its gates?"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from slipway.api.common import BlenderExecution, BlueprintDistance, BlueprintValidity, Evaluation, Gate
from slipway.api.modelversion import GateOutcome, GateResult, MetricResult
from slipway.api.preference import HumanPreference

DEFAULT_CONFIDENCE = 95
SHARES = (BlueprintValidity, BlueprintDistance, BlenderExecution, HumanPreference)
"""Metrics whose figure is a share of 1."""


@dataclass(frozen=True)
class Figures:
    """What an evaluation measured, and the name of what it was compared with."""

    metrics: Mapping[str, MetricResult]
    lower_bounds: Mapping[str, Mapping[str, str]]
    """Metric → confidence percent → lower bound of the paired improvement."""
    reference: str = ""
    """For messages: `v1`, `the base model`; empty when nothing was there to compare with."""
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    """Metric → why it has no figure, where that is known."""

    def bound(self, metric: str, confidence: int) -> float | None:
        """Return the lower bound of the improvement, or None where there is no finite one."""
        return number(self.lower_bounds.get(metric, {}).get(str(confidence)))


@dataclass(frozen=True)
class _Check:
    """One bound of a gate: what was judged, against what, and how it went."""

    outcome: GateOutcome
    value: str | None
    bound: str
    message: str


def judge(gates: Iterable[Gate], figures: Figures) -> list[GateResult]:
    """Return the outcome of each gate. Pure; only numbers that are there and finite can pass."""
    return [_judge(gate, figures) for gate in gates]


def number(written: str | None) -> float | None:
    """Return the finite number that `written` stands for; None where it is absent, infinite or not a number."""
    try:
        value = float(written) if written is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def with_bounds(evaluation: Evaluation, figures: Figures) -> list[MetricResult]:
    """Return the metrics in the order of the spec, each with the lower bound at its gate's confidence."""
    confidence = {gate.metric: gate.confidence_percent for gate in reversed(evaluation.gates) if gate.min_improvement}
    return [
        found.model_copy(
            update={
                "lower_bound": figures.lower_bounds.get(named.name, {}).get(
                    str(confidence.get(named.name, DEFAULT_CONFIDENCE))
                )
            }
        )
        for named in evaluation.metrics
        if (found := figures.metrics.get(named.name)) is not None
    ]


def score(evaluation: Evaluation, figures: Figures) -> str:
    """Return the metrics in one short line for tables, for example `loss 0.52 · valid 75%`."""
    found = []
    for named in evaluation.metrics:
        value = number(figures.metrics[named.name].value) if named.name in figures.metrics else None
        if value is None:
            shown = "?"
        elif isinstance(named.measure.chosen, SHARES):
            shown = f"{value * 100:.0f}%"
        else:
            shown = f"{value:.3g}"
        found.append(f"{named.name} {shown}")
    return " · ".join(found)[:128]


def _judge(gate: Gate, figures: Figures) -> GateResult:
    checks = list(_checks(gate, figures))
    # The first bound that does not pass speaks for the gate; NoData before Fail would hide a number that is there.
    worst = min(checks, key=lambda check: ("Fail", "NoData", "Pass").index(check.outcome))
    words = {"Pass": "passed", "Fail": "failed", "NoData": "has no data"}[worst.outcome]
    message = "; ".join(check.message for check in checks if check.outcome == worst.outcome)
    return GateResult(
        name=gate.name,
        outcome=worst.outcome,
        value=worst.value,
        bound=worst.bound,
        message=f"gate {gate.name} {words}: {message}",
    )


def _checks(gate: Gate, figures: Figures) -> Iterable[_Check]:
    metric = figures.metrics.get(gate.metric)
    value = number(metric.value) if metric is not None else None
    if metric is not None and metric.samples < gate.min_items:
        yield _few(gate, metric)
        return
    if gate.min_improvement is not None:
        yield _improvement(gate, gate.min_improvement, metric, value, figures)
    for wanted, word, holds in ((gate.min, "at least", operator.ge), (gate.max, "at most", operator.le)):
        if wanted is None:
            continue
        bound = number(wanted)
        if value is None or bound is None:
            yield _Check("NoData", None, wanted, _unmeasured(gate.metric, figures))
            continue
        shown = f"{gate.metric} {_short(value)}, needed {word} {wanted}"
        yield _Check("Pass" if holds(value, bound) else "Fail", metric.value if metric else None, wanted, shown)


def _few(gate: Gate, metric: MetricResult) -> _Check:
    wanted = next(bound for bound in (gate.min_improvement, gate.min, gate.max) if bound is not None)
    why = (
        f"{gate.metric} was measured on {metric.samples} items, minItems is {gate.min_items}; raise maxExamples, or "
        "the share of the test split where it has no more"
    )
    return _Check("NoData", None, wanted, why)


def _improvement(gate: Gate, wanted: str, metric: MetricResult | None, value: float | None, figures: Figures) -> _Check:
    margin, lower = number(wanted), figures.bound(gate.metric, gate.confidence_percent)
    if metric is None or value is None:
        return _Check("NoData", None, wanted, _unmeasured(gate.metric, figures))
    if not figures.reference:
        why = (
            f"there is no version in production and no base model to compare {gate.metric} with; use min or max in the "
            "gates of a first version"
        )
        return _Check("NoData", None, wanted, why)
    reference, gained = number(metric.reference), number(metric.improvement)
    if margin is None or lower is None or reference is None or gained is None:
        why = (
            f"{gate.metric} {_short(value)} has no lower bound of improvement over {figures.reference} from "
            f"{metric.samples} items; raise maxExamples or the share of the test split"
        )
        return _Check("NoData", None, wanted, why)
    shown = (
        f"{gate.metric} {_short(value)}, {figures.reference} {_short(reference)}: improvement {_short(gained)}, "
        f"lower bound {_short(lower)} at {gate.confidence_percent} %, needed more than {wanted}{_worse(metric)}"
    )
    written = figures.lower_bounds[gate.metric][str(gate.confidence_percent)]
    return _Check("Pass" if lower > margin else "Fail", written, wanted, shown)


def _worse(metric: MetricResult) -> str:
    """Return the items that got worse, as the end of a message."""
    if not metric.worse:
        return ""
    names = [*metric.worst, "…"] if metric.worse > len(metric.worst) else metric.worst
    return f"; {metric.worse} of {metric.samples} items got worse: {', '.join(names)}".removesuffix(": …")


def _unmeasured(metric: str, figures: Figures) -> str:
    if metric in figures.unmeasured:
        return f"{metric}: {figures.unmeasured[metric]}"
    return f"{metric} is missing or not a finite number in the results of the evaluation; look at the log of its pod"


def _short(value: float) -> str:
    return f"{value:.4g}"
