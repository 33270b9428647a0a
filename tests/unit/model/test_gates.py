"""When does a gate pass?"""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic.alias_generators import to_camel

from slipway.api.common import MOST_ITEMS, Evaluation, EvaluationMetric, Gate
from slipway.api.modelversion import MetricResult
from slipway.model.gates import Figures, judge, score, with_bounds


def figures(value: str = "0.5", bounds: dict[str, str] | None = None, reference: str = "v0", **metric: Any) -> Figures:
    metric = {"reference": "0.52", "improvement": "0.02"} | metric
    found = MetricResult(name="loss", value=value, **({"samples": 32} | metric))
    return Figures({"loss": found}, {"loss": {"95": "0.01"} if bounds is None else bounds}, reference)


def gate(**bounds: object) -> Gate:
    return Gate(name="g", metric="loss", **bounds)


@pytest.mark.parametrize(
    ("wanted", "seen", "outcome"),
    [
        (gate(max="0.5"), figures("0.5"), "Pass"),
        (gate(max="0.5"), figures("0.5001"), "Fail"),
        (gate(min="0.5"), figures("0.5"), "Pass"),
        (gate(min="0.5"), figures("0.4999"), "Fail"),
        (gate(min="0.4", max="0.6"), figures("0.5"), "Pass"),
        (gate(min="0.4", max="0.6"), figures("0.7"), "Fail"),
        (gate(min_improvement="0"), figures(), "Pass"),
        (gate(min_improvement="0.01"), figures(), "Fail"),
        (gate(min_improvement="-0.05"), figures(bounds={"95": "-0.049"}), "Pass"),
        (gate(min_improvement="-0.05"), figures(bounds={"95": "-0.051"}), "Fail"),
        (gate(min_improvement="0", confidence_percent=90), figures(), "NoData"),
        (gate(min_improvement="0", confidence_percent=90), figures(bounds={"90": "0.015"}), "Pass"),
        (gate(min_improvement="0"), figures(bounds={}), "NoData"),
        (gate(min_improvement="0"), figures(reference=""), "NoData"),
        (gate(min_improvement="0"), Figures({}, {"loss": {"95": "1"}}, "v0"), "NoData"),
        (gate(max="1"), Figures({}, {}, "v0"), "NoData"),
        (gate(max="1"), figures("-1e999"), "NoData"),
        (gate(min_improvement="0", max="0.4"), figures(), "Fail"),
        (gate(min_improvement="0", max="0.4"), figures(bounds={}), "Fail"),
        (gate(min_improvement="0", max="1"), figures(bounds={}), "NoData"),
    ],
)
def test_outcomes(wanted: Gate, seen: Figures, outcome: str) -> None:
    (found,) = judge([wanted], seen)
    assert found.outcome == outcome, found.message
    assert found.message.startswith(
        f"gate g {({'Pass': 'passed', 'Fail': 'failed', 'NoData': 'has no data'})[outcome]}"
    )


@pytest.mark.parametrize("bound", [{"min": "0"}, {"max": "1"}, {"min_improvement": "0"}, {"max": "0.4"}])
@pytest.mark.parametrize(("samples", "least"), [(2, 5), (4, 5), (31, 32)])
def test_too_few_items_are_no_data_whatever_they_say(bound: dict[str, str], samples: int, least: int) -> None:
    (found,) = judge([gate(min_items=least, **bound)], figures(samples=samples))
    assert found.outcome == "NoData"
    assert found.message == (
        f"gate g has no data: loss was measured on {samples} items, minItems is {least}; raise maxExamples, or the "
        "share of the test split where it has no more"
    )
    (found,) = judge([gate(min_items=least, **bound)], figures(samples=least))
    assert found.outcome in ("Pass", "Fail")


def test_what_is_not_asked_for_is_not_written() -> None:
    assert gate(min="0").dump() == {"name": "g", "metric": "loss", "min": "0", "confidencePercent": 95}
    assert gate(min="0", min_items=32).dump()["minItems"] == 32


def test_every_measure_says_how_many_items_it_has() -> None:
    measures = {to_camel(name): field for name, field in EvaluationMetric.model_fields.items()}
    assert measures.keys() == MOST_ITEMS.keys()
    for name, field in measures.items():
        (measure,) = (of for of in get_args(field.annotation) if of is not type(None))
        assert MOST_ITEMS[name] in {to_camel(own) for own in measure.model_fields}


def test_the_message_names_what_missed() -> None:
    (found,) = judge([gate(max="0.4", min_improvement="0")], figures())
    assert found.message == "gate g failed: loss 0.5, needed at most 0.4"
    assert (found.value, found.bound) == ("0.5", "0.4")


@pytest.mark.parametrize(
    ("worse", "names", "said"),
    [
        (3, ["a", "b", "c"], "; 3 of 32 items got worse: a, b, c"),
        (7, ["a", "b", "c"], "; 7 of 32 items got worse: a, b, c, …"),
        (7, [], "; 7 of 32 items got worse"),
        (0, [], ""),
        (None, [], ""),
    ],
)
def test_the_message_names_the_items_that_lost_most(worse: int | None, names: list[str], said: str) -> None:
    (found,) = judge([gate(min_improvement="0.015")], figures(worse=worse, worst=names))
    assert found.message == (
        "gate g failed: loss 0.5, v0 0.52: improvement 0.02, lower bound 0.01 at 95 %, needed more than 0.015" + said
    )


def test_tables_show_figures_by_their_kind() -> None:
    evaluation = Evaluation.model_validate(
        {
            "metrics": [
                {"name": "loss", "measure": {"heldOutLoss": {}}},
                {"name": "valid", "measure": {"blueprintValidity": {}}},
                {"name": "more", "measure": {"heldOutLoss": {}}},
            ],
            "gates": [{"name": "g", "metric": "loss", "minImprovement": "0", "confidencePercent": 90}],
        }
    )
    valid = MetricResult(name="valid", value="0.8333", samples=12)
    seen = figures(bounds={"90": "0.015", "95": "0.01"})
    seen = Figures(dict(seen.metrics) | {"valid": valid}, seen.lower_bounds, "v0")
    assert score(evaluation, seen) == "loss 0.5 · valid 83% · more ?"
    assert [(m.name, m.lower_bound) for m in with_bounds(evaluation, seen)] == [("loss", "0.015"), ("valid", None)]
