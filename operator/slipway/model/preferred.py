"""What do people's preferences mean for a version's figures and gates?"""

from __future__ import annotations

from typing import Any

from slipway.api.common import Evaluation, Gate
from slipway.api.modelversion import GateResult, MetricResult
from slipway.contract.result import Counted, Evaluated
from slipway.model.gates import Figures, judge, score, with_bounds
from slipway.model.objects import BASE, Version


def unmeasured(evaluation: Evaluation, result: Evaluated) -> dict[str, str]:
    """Return why the metric that people are to give has no figure, where `result` has no sheet for them."""
    names = [one.name for one in evaluation.metrics if one.measure.human_preference is not None]
    if result.sheet is not None or not names:
        return {}
    why = result.no_sheet or "there is no version in production and no base model to compare answers with"
    return dict.fromkeys(names, why)


def not_asked(evaluation: Evaluation, metric: str) -> list[GateResult]:
    """Return the gates on `metric` of a version that fails without anybody being asked."""
    return [
        GateResult(
            name=gate.name,
            outcome="NoData",
            message=f"gate {gate.name} has no data: nobody was asked, for another gate failed before",
        )
        for gate in evaluation.gates
        if gate.metric == metric
    ]


def with_preference(version: Version, counted: Counted) -> dict[str, Any]:
    """Return metrics, gates and score of `version`, those that people gave beside those that were measured before."""
    assert version.spec.evaluation is not None
    evaluation, status = version.spec.evaluation, version.status
    reference = status.reference
    said = figures(evaluation, counted, "" if reference is None else reference.name or BASE)
    metrics = {one.name: one for one in (*status.metrics, *with_bounds(evaluation, said))}
    gates = {one.name: one for one in (*status.gates, *judge(gates_of_people(evaluation), said))}
    everything = Figures(metrics, {})
    return {
        "metrics": [metrics[one.name] for one in evaluation.metrics if one.name in metrics],
        "gates": [gates[one.name] for one in evaluation.gates],
        "score": score(evaluation, everything),
    }


def figures(evaluation: Evaluation, counted: Counted, reference: str) -> Figures:
    """Return the figures that people gave."""
    (name,) = (one.name for one in evaluation.metrics if one.measure.human_preference is not None)
    found: dict[str, MetricResult] = {name: counted.metric} if counted.metric is not None else {}
    why = f"of {counted.rated} rated pairs there is none in which more than half of its raters preferred an answer"
    return Figures(found, {name: counted.lower_bounds}, reference, {} if found else {name: why})


def gates_of_people(evaluation: Evaluation) -> list[Gate]:
    """Return the gates that people's preferences decide."""
    names = {one.name for one in evaluation.metrics if one.measure.human_preference is not None}
    return [gate for gate in evaluation.gates if gate.metric in names]
