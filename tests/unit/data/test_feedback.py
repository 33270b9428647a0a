"""What becomes of what users said?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.result import Prepared
from slipway_pod.errors import BadData
from tests.unit.data.preparing import Place

FOLDER = "slipway/feedback/demo/assistant"
ASKED = "make a cube"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def said(id: str, answer: str = "a", prompt: str = ASKED, **more: Any) -> dict[str, Any]:
    return {"id": id, "version": "1.0.0", "prompt": [{"role": "user", "content": prompt}], "answer": answer, **more}


def put(place: Place, *records: object, name: str = "2026-11-28.jsonl") -> None:
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    place.put(f"{FOLDER}/{name}", "".join(f"{line}\n" for line in lines))


def rows_of(
    place: Place, schema: str, *steps: dict[str, Any], feedback: dict[str, Any] | None = None, **more: Any
) -> Prepared:
    source = {"feedback": {"model": "assistant"} | (feedback or {})}
    return place.prepare("Feedback", schema, *steps, source=source, **more)


def chats(place: Place, **more: Any) -> list[tuple[str, str]]:
    """Return what the rows ask and answer."""
    found = place.rows(rows_of(place, "Chat", **more))
    return sorted((row["messages"][-2]["content"], row["messages"][-1]["content"]) for row in found)


def preferred(place: Place, **more: Any) -> list[tuple[str, str]]:
    """Return what the rows choose and reject."""
    found = place.rows(rows_of(place, "Preference", **more))
    return sorted((row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in found)


def reasons(place: Place, found: Prepared) -> dict[str, str]:
    return {entry["id"]: entry["reason"] for entry in place.rejected(found)}


def test_liked_answers_and_corrections_become_rows(place: Place) -> None:
    put(
        place,
        said("1", "good", thumb="up"),
        said("2", "fine", "q2", rating=5),
        said("3", "so so", "q3", rating=3),
        said("4", "bad", "q4", thumb="down"),
        said("5", "wrong", "q5", thumb="down", correction="right"),
    )
    found = rows_of(place, "Chat")
    assert chats(place) == [(ASKED, "good"), ("q2", "fine"), ("q5", "right")]
    assert sorted(reasons(place, found).values()) == ["NoVerdict", "NotLiked"]
    # They are no faults of the data.
    assert found.rows.rejected == 0


def test_votes_on_the_same_answer_are_added_up_over_files(place: Place) -> None:
    put(place, said("1", thumb="up"), said("2", thumb="up"), name="b.jsonl")
    put(
        place,
        said("3", thumb="down"),
        said("4", "other", thumb="down"),
        said("5", "tie", thumb="up"),
        said("6", "tie", rating=1),
        name="a/a.jsonl",
    )
    assert chats(place) == [(ASKED, "a")]
    with pytest.raises(BadData, match="NoVerdict"):
        rows_of(place, "Chat", feedback={"minMargin": 2})


def test_pairs_are_of_one_prompt(place: Place) -> None:
    put(
        place,
        said("1", "good", thumb="up"),
        said("2", "best", thumb="up"),
        said("3", "best", rating=4),
        said("4", "bad", thumb="down"),
        said("5", "worse", rating=1),
        said("6", "wrong", "q2", correction="right"),
        said("7", "lonely", "q3", thumb="up"),
    )
    assert preferred(place) == [("best", "bad"), ("best", "worse"), ("right", "wrong")]
    found = rows_of(place, "Preference")
    assert sorted(reasons(place, found).values()) == ["NoPair", "NoPair"]
    row = place.rows(found)[0]
    assert set(row) == {"id", "group", "prompt", "chosen", "rejected"}
    assert row["prompt"][-1]["role"] == "user"
    assert [m["role"] for m in (*row["chosen"], *row["rejected"])] == ["assistant", "assistant"]


def test_people_who_contradict_each_other_prefer_nothing(place: Place) -> None:
    put(
        place,
        said("1", "one", correction="two"),
        said("2", "two", correction="one"),
        said("3", "x", "q2", correction="y"),
        said("4", "y", "q2", thumb="down"),
        said("5", "same", "q3", correction=" same ", thumb="up"),
        said("6", "not", "q3", thumb="down"),
        said("7", "torn", "q4", thumb="up", rating=1),
    )
    assert preferred(place) == [("same", "not")]


def test_the_later_record_of_an_id_counts_and_a_repeated_one_once(place: Place) -> None:
    put(place, said("1", thumb="up"), said("1", thumb="up"), said("2", "b", thumb="up"), name="1.jsonl")
    put(place, said("2", "b", thumb="down"), said("3", "a", thumb="down"), name="2.jsonl")
    put(place, said("4", "c", thumb="up"), name="3.jsonl")
    found = rows_of(place, "Chat")
    assert chats(place) == [(ASKED, "c")]
    assert {id: reason for id, reason in reasons(place, found).items() if reason == "Duplicate"} == {
        "1.jsonl:1": "Duplicate",
        "1.jsonl:3": "Duplicate",
    }


def test_only_the_versions_asked_for_count(place: Place) -> None:
    put(place, said("1", thumb="up"), {**said("2", "b", thumb="up"), "version": "2.0.0"})
    assert chats(place, feedback={"versions": ["2.0.0"]}) == [(ASKED, "b")]


def test_ratings_count_as_the_spec_says(place: Place) -> None:
    put(place, said("1", rating=3), said("2", "b", "q2", rating=4))
    assert chats(place, feedback={"positiveRatings": 3}) == [(ASKED, "a"), ("q2", "b")]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ("not json", "Invalid JSON"),
        (said("1"), "it says nothing of the answer: set thumb, rating or correction"),
        (said("1", thumb="sideways"), "thumb: Input should be 'up' or 'down'"),
        (said("1", rating=6), "rating: Input should be less than or equal to 5"),
        (said("1", rating="5"), "rating: Input should be a valid integer"),
        (said("1", "  ", thumb="up"), "answer is empty"),
        ({**said("1", thumb="up"), "prompt": [{"role": "assistant", "content": "hi"}]}, "by assistant, not by user"),
        ({**said("1", thumb="up"), "version": "one"}, "version: "),
        ({k: v for k, v in said("1", thumb="up").items() if k != "id"}, "id: Field required"),
    ],
)
def test_what_is_no_record_is_rejected_with_its_line(place: Place, record: object, wanted: str) -> None:
    put(place, said("0", "right", "q0", thumb="up"), record)
    found = rows_of(place, "Chat", quality={"maxRejectedPercent": 50})
    entry = next(e for e in place.rejected(found) if e["reason"] == "SchemaViolation")
    assert entry["id"] == "2026-11-28.jsonl:2"
    assert wanted in entry["message"]


def test_rows_of_one_prompt_stay_together(place: Place) -> None:
    put(place, *(said(f"{n}-{k}", f"answer {k}", f"q{n}", thumb="up") for n in range(40) for k in range(3)))
    split = {"trainPercent": 50, "validationPercent": 25, "testPercent": 25, "groupBy": "Row"}
    found = rows_of(place, "Chat", split=split)
    parts = [{row["messages"][0]["content"] for row in place.rows(found, s)} for s in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 40


def test_rows_of_a_project_stay_together_where_that_is_asked_for(place: Place) -> None:
    put(place, *(said(f"{n}", f"answer {n}", f"q{n}", thumb="up", project=f"p{n % 2}") for n in range(20)))
    found = rows_of(
        place, "Chat", split={"groupBy": "Project", "trainPercent": 100, "validationPercent": 0, "testPercent": 0}
    )
    assert {row["group"] for row in place.rows(found)} == {"p0", "p1"}


def test_the_digest_does_not_depend_on_files_and_order(place: Place) -> None:
    records = [said(f"{n}", f"answer {n % 7}", f"q{n % 5}", thumb="up" if n % 3 else "down") for n in range(60)]
    put(place, *records)
    one = rows_of(place, "Preference")
    put(place, *reversed(records[:30]))
    put(place, *records[30:], name="more.jsonl")
    assert rows_of(place, "Preference").artifact.digest == one.artifact.digest


def test_private_text_is_redacted_in_all_parts_and_may_leave_nothing_to_prefer(place: Place) -> None:
    put(
        place,
        said("1", "ask bob@example.org", correction="ask ann@example.org"),
        said("2", "mail bob@example.org", "I am eve@example.org", correction="write to ann@example.org"),
    )
    found = rows_of(place, "Preference", {"redact": {"kinds": ["Email"]}}, quality={"maxRejectedPercent": 50})
    (row,) = place.rows(found)
    assert row["prompt"][0]["content"] == "I am <EMAIL>"
    assert row["chosen"][0]["content"] == "write to <EMAIL>"
    assert row["rejected"][0]["content"] == "mail <EMAIL>"
    assert "NothingToTrainOn" in reasons(place, found).values()


def test_no_records_are_a_fault_that_names_the_place(place: Place) -> None:
    with pytest.raises(BadData, match=r"no file \*\.jsonl or .* below s3://slipway/slipway/feedback/demo/assistant/"):
        rows_of(place, "Chat")


def test_records_may_lie_elsewhere(place: Place) -> None:
    place.put("votes/x.jsonl", json.dumps(said("1", thumb="up")) + "\n")
    source = {"feedback": {"uri": "s3://slipway/votes/"}}
    assert place.prepare("Feedback", "Chat", source=source).rows.train == 1
