"""Which rows are added to a dataset, and where do they stay?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.data.preparing import Place, pair, pairs
from tests.unit.data.test_annotate import Model, echo, said, shown
from tests.unit.data.webserver import serving

SPLIT = {"trainPercent": 50, "validationPercent": 25, "testPercent": 25, "groupBy": "Row"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def model() -> Model:
    return Model(echo)


@pytest.fixture
def url(model: Model) -> Iterator[str]:
    with serving(model) as address:
        yield address


def augment(text: str = "{{ prompt }}, in {{ variant }} words", **more: Any) -> dict[str, Any]:
    return {"augment": {"write": "Prompt", "template": text, **more}}


def test_rows_are_added_beside_those_there_are(place: Place) -> None:
    place.put("raw/a.jsonl", pair("ask", "answer"))
    found = place.rows(place.prepare("JSONL", "Completion", augment(variants=2)))
    assert [(row["id"], row["prompt"], row["completion"]) for row in found] == [
        ("a.jsonl:1", "ask", "answer"),
        ("a.jsonl:1+1", "ask, in 1 words", "answer"),
        ("a.jsonl:1+2", "ask, in 2 words", "answer"),
    ]


def test_only_what_is_trained_on_is_added_to(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(60))
    found = place.prepare("JSONL", "Completion", augment(), split=SPLIT)
    plain = place.prepare("JSONL", "Completion", split=SPLIT)
    for split in ("validation", "test"):
        assert place.rows(found, split) == place.rows(plain, split)
    assert found.rows.train == 2 * plain.rows.train
    groups = {row["group"] for row in place.rows(found)}
    assert groups == {row["group"] for row in place.rows(plain)}
    assert {entry["reason"] for entry in place.rejected(found)} == {"NotForTraining"}
    assert found.rows.rejected == 0


def test_the_report_tells_what_was_added(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(60))
    found = place.prepare("JSONL", "Completion", augment(variants=2), {"filter": {"minCharacters": 8}}, split=SPLIT)
    parse, added, last = place.report(found).steps
    assert (parse.rows_in, parse.rows_out, added.rows_in, added.added) == (60, 60, 60, 120)
    assert last.rows_out == sum((found.rows.train, found.rows.validation, found.rows.test))
    assert added.rows_out == last.rows_in == 180 - added.left_out["NotForTraining"]


def test_a_copy_that_says_the_same_is_none(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(4))
    found = place.prepare("JSONL", "Completion", augment("{{ prompt }}"))
    assert found.rows.train == 4
    assert {entry["reason"] for entry in place.rejected(found)} == {"Duplicate"}


def test_categories_are_counted_without_what_is_not_kept(place: Place) -> None:
    place.put("raw/a/x.jsonl", pairs(40))
    place.put("raw/b/x.jsonl", pairs(40, 100))
    found = place.prepare("JSONL", "Completion", augment(), {"balance": {"maxRows": 30}}, split=SPLIT)
    rows = [row for split in ("train", "validation", "test") for row in place.rows(found, split)]
    assert sorted(sum(row["id"].startswith(f"{name}/") for row in rows) for name in "ab") == [30, 30]


def test_a_model_writes_variants_that_are_to_differ(place: Place, model: Model, url: str) -> None:
    place.put("raw/a.jsonl", pairs(3))

    def numbered(question: dict[str, Any]) -> Any:
        number = "1 of 2" if "variant 1 of 2" in question["messages"][0]["content"] else "2 of 2"
        return said(f"{shown(question)['prompt']}, {number}")

    model.answer = numbered
    asked = {"url": f"{url}/v1", "model": "tiny", "instruction": "Say it otherwise.", "plainHttp": True}
    step = {"augment": {"write": "Prompt", "languageModel": asked, "variants": 2}}
    rows = place.rows(place.prepare("JSONL", "Completion", step))
    assert len(rows) == 9
    assert len(model.asked) == 6
    assert {row["id"]: row["prompt"] for row in rows}["a.jsonl:2+2"] == "question 1, 2 of 2"
    place.prepare("JSONL", "Completion", step)
    assert len(model.asked) == 6
