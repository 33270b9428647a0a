"""The report of a ModelVersion is read item by item, and what cannot be a table says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.example.results import NoResults, read, report_of
from slipway.api.modelversion import ModelVersionStatus

DIGEST = "sha256:" + "1" * 64


def line(metric: str, id: str, item: int = 1, **more: Any) -> str:
    figure = {"id": id, "group": id, "amount": 1.0, "weight": 1.0}
    return json.dumps(
        {"metric": metric, "item": item, "subject": figure | {"who": "tuned"}, "reference": figure | {"who": "base"}}
        | more
    )


def status(**of: Any) -> ModelVersionStatus:
    told = {"state": "Ready", "report": "s3://slipway/evaluations/x/report.jsonl", "reference": {"digest": DIGEST}}
    return ModelVersionStatus.model_validate(told | of)


def test_items_of_one_metric_come_as_they_were_chosen_and_not_losers_first() -> None:
    text = [
        json.dumps({"subject": {}, "evaluation": {}}),
        line("loss", "a"),
        line("valid", "a", 2),
        line("valid", "b", 1),
        "",
    ]
    found = read(text, "valid")
    assert [(item.id, item.tuned["who"], item.base["who"]) for item in found] == [
        ("b", "tuned", "base"),
        ("a", "tuned", "base"),
    ]


def test_a_metric_that_is_not_there_is_named() -> None:
    with pytest.raises(NoResults, match="no item of metric valid"):
        read([line("loss", "a")], "valid")


def test_a_report_without_reference_is_no_comparison() -> None:
    alone = json.dumps({"metric": "valid", "item": 1, "subject": {"id": "a"}})
    with pytest.raises(NoResults, match="item a of valid with nothing"):
        read([alone], "valid")


def test_the_report_is_where_status_says() -> None:
    assert report_of(status(), "v") == "s3://slipway/evaluations/x/report.jsonl"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"report": None}, "was not evaluated"),
        ({"reference": None}, "compared with nothing"),
        ({"reference": {"name": "v-1.0.0", "digest": DIGEST}}, "compared with v-1.0.0"),
    ],
)
def test_what_was_not_compared_with_the_base_is_no_table(told: dict[str, Any], words: str) -> None:
    with pytest.raises(NoResults, match=words):
        report_of(status(**told), "v")
