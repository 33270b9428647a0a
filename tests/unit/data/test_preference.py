"""Are preferences read, checked and written as they should be?"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway_pod.errors import BadConfig, BadData
from tests.unit.data.preparing import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def preference(number: int = 0, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "prompt": [turn("system", "be kind"), turn("user", f"question {number}")],
        "chosen": [turn("assistant", f"better {number}")],
        "rejected": [turn("assistant", f"worse {number}")],
    }
    return row | more


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_json_lines_and_parquet_give_the_same_rows(place: Place) -> None:
    rows = [preference(n) for n in range(5)]
    place.put("raw/a.jsonl", lines(*rows))
    one = place.rows(place.prepare("JSONL", "Preference"))
    (place.root / "slipway/raw/a.jsonl").unlink()
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    place.put("raw/a.parquet", buffer.getvalue())
    other = place.rows(place.prepare("Parquet", "Preference"))
    columns = ("prompt", "chosen", "rejected")
    assert [{c: row[c] for c in columns} for row in one] == rows
    assert [{c: row[c] for c in columns} for row in other] == rows


@pytest.mark.parametrize(
    ("row", "reason", "message"),
    [
        (preference(prompt=[turn("assistant", "x")]), "SchemaViolation", "prompt: the last one is by assistant"),
        (preference(chosen=[turn("user", "x")]), "SchemaViolation", "chosen: an answer has messages by assistant only"),
        (preference(rejected=[turn("assistant", " ")]), "NothingToTrainOn", "rejected is empty"),
        (preference(rejected=[turn("assistant", "better 0")]), "NothingToTrainOn", "chosen and rejected are equal"),
        (preference(chosen="better"), "SchemaViolation", "chosen: Input should be a valid array"),
        (preference(prompt=[]), "SchemaViolation", "prompt: List should have at least 1 item"),
    ],
)
def test_what_prefers_nothing_is_rejected(place: Place, row: dict[str, Any], reason: str, message: str) -> None:
    place.put("raw/a.jsonl", lines(preference(1), row))
    found = place.prepare("JSONL", "Preference", quality={"maxRejectedPercent": 50})
    (entry,) = place.rejected(found)
    assert entry["reason"] == reason
    assert message in entry["message"]


def test_lengths_are_those_of_what_is_chosen(place: Place) -> None:
    long = [turn("assistant", "x" * 100)]
    place.put("raw/a.jsonl", lines(preference(1, rejected=long), preference(2, chosen=long)))
    found = place.prepare("JSONL", "Preference", {"filter": {"minCharacters": 50}}, quality={"maxRejectedPercent": 50})
    assert [row["id"] for row in place.rows(found)] == ["a.jsonl:2"]


def test_a_set_of_conversations_keeps_preferences_out(place: Place) -> None:
    shared = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    place.put("sets/eval.jsonl", lines({"messages": [turn("user", shared), turn("assistant", "yes")]}))
    place.put("raw/a.jsonl", lines(preference(1), preference(2, prompt=[turn("user", f"tell {shared}")])))
    step = {"decontaminate": {"against": ["s3://slipway/sets/eval.jsonl"]}}
    found = place.prepare("JSONL", "Preference", step, quality={"maxRejectedPercent": 50})
    assert [entry["reason"] for entry in place.rejected(found)] == ["Contaminated"]


def test_the_report_shows_both_answers(place: Place) -> None:
    place.put("raw/a.jsonl", lines(preference(1)))
    (sample,) = place.report(place.prepare("JSONL", "Preference")).samples
    assert [(t.role, t.text) for t in sample.turns] == [
        ("system", "be kind"),
        ("user", "question 1"),
        ("chosen", "better 1"),
        ("rejected", "worse 1"),
    ]


def test_readers_that_know_no_preferences_are_refused(place: Place) -> None:
    place.put("raw/a.md", "# Heading\n\ntext\n")
    with pytest.raises(BadConfig, match="reads no rows of schema Preference"):
        place.prepare("Markdown", "Preference")


def test_a_file_of_another_schema_is_no_dataset(place: Place) -> None:
    place.put("raw/a.jsonl", lines({"messages": [turn("user", "q"), turn("assistant", "a")]}))
    with pytest.raises(BadData, match="The schema Preference wants"):
        place.prepare("JSONL", "Preference")
