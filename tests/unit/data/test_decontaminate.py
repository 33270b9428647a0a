"""Are rows rejected that give an evaluation set away, and are others kept?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slipway_pod.errors import BadData
from tests.unit.data.preparing import BUCKET, Place, pair

LONG = "the quick brown fox jumps over the lazy dog while seven wise owls look on in silence tonight"
SHORT = "a sly cat sat on the warm red mat"  # nine words
SETS = f"s3://{BUCKET}/sets/"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def step(*against: str, **more: Any) -> dict[str, Any]:
    return {"decontaminate": {"against": list(against), **more}}


def found(place: Place, rows: list[str], *steps: dict[str, Any]) -> dict[str, str]:
    """Return the message of every row that is rejected, by its number."""
    place.put("raw/a.jsonl", "".join(rows) + pair("always", "kept"))
    result = place.prepare("JSONL", "Completion", *steps, quality={"maxRejectedPercent": 100})
    entries = place.rejected(result)
    assert {entry["reason"] for entry in entries} <= {"Contaminated"}
    return {entry["id"].rpartition(":")[2]: entry["message"] for entry in entries}


def test_a_run_of_thirteen_words_gives_an_item_away_and_twelve_do_not(place: Place) -> None:
    place.put("sets/a.jsonl", pair("other", "item") + pair("Question:", LONG))
    words = LONG.split()
    rows = [
        pair("before", "Well, " + " ".join(words[:13]) + ". And so on"),
        pair("before", "Well, " + " ".join(words[:12]) + ". And so on"),
        pair("loud", LONG.upper().replace(" ", ",\n ")),
        pair(" ".join(words[:7]), " ".join(words[7:])),
    ]
    rejected = found(place, rows, step(f"{SETS}a.jsonl"))
    assert list(rejected) == ["1", "3", "4"]
    assert f"with {SETS}a.jsonl:2, an item of decontaminate.against" in rejected["1"]
    assert rejected["1"].startswith("it shares 1 of 7 runs of words")


def test_a_share_of_an_items_runs_may_be_allowed(place: Place) -> None:
    place.put("sets/a.jsonl", pair("", LONG))
    words = LONG.split()
    rows = [pair("x", " ".join(words[:15])), pair("x", " ".join(words[:16])), pair("x", LONG)]
    assert list(found(place, rows, step(f"{SETS}a.jsonl", sharedPercent=60))) == ["2", "3"]
    assert list(found(place, rows, step(f"{SETS}a.jsonl", sharedPercent=100))) == ["3"]
    assert found(place, rows, step(f"{SETS}a.jsonl", words=64)).keys() == {"3"}


def test_short_items_are_looked_for_whole_and_shorter_ones_by_equal_rows(place: Place) -> None:
    place.put("sets/a.jsonl", pair("", SHORT) + pair("What is it?", "A cube") + pair("?", "..."))
    rows = [
        pair("tell", f"Once {SHORT}, happily"),
        pair("tell", "Once a sly cat sat on the warm red rug"),
        pair("what is it", "a cube!"),
        pair("what is it", "a cube of ice"),
        pair("!", "?"),
    ]
    assert list(found(place, rows, step(f"{SETS}a.jsonl"))) == ["1", "3"]


def test_the_item_given_away_most_is_named_of_all_sets(place: Place) -> None:
    words = LONG.split()
    place.put("sets/one/a.jsonl", pair("x " * 40, " ".join(words[:14])))
    place.put("sets/two/b.jsonl", pair("", LONG))
    place.put("sets/two/notes.txt", "no set")
    rejected = found(place, [pair("x", LONG)], step(f"{SETS}one/a.jsonl", f"{SETS}two/"))
    assert f"it shares 6 of 6 runs of words with {SETS}two/b.jsonl:1" in rejected["1"]


def test_chats_are_compared_without_their_system_prompt(place: Place) -> None:
    def chat(system: str, said: str) -> str:
        roles = {"system": system, "user": "go", "assistant": said}
        return json.dumps({"messages": [{"role": r, "content": c} for r, c in roles.items()]}) + "\n"

    place.put("sets/a.jsonl", chat(LONG, SHORT))
    place.put("raw/a.jsonl", chat(LONG, "something else") + chat("", f"go {SHORT}"))
    result = place.prepare("JSONL", "Chat", step(SETS), quality={"maxRejectedPercent": 50})
    assert [entry["id"] for entry in place.rejected(result)] == ["a.jsonl:2"]


def test_the_step_may_come_twice_and_has_its_own_sets(place: Place) -> None:
    place.put("sets/a.jsonl", pair("", SHORT))
    place.put("sets/b.jsonl", pair("", LONG))
    rows = [pair("", SHORT), pair("", LONG), pair("", "free")]
    assert list(found(place, rows, step(f"{SETS}a.jsonl"), step(f"{SETS}b.jsonl"))) == ["1", "2"]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("missing.jsonl", "missing.jsonl has no item"),
        ("empty.jsonl", "empty.jsonl has no item"),
        ("", "sets/bad.jsonl: a line is no item: correct it"),
        ("bad.jsonl", "sets/bad.jsonl: a line is no item: correct it"),
        ("nothing/", "nothing/ has no item"),
    ],
)
def test_a_set_that_is_none_is_bad_data_with_its_place(place: Place, uri: str, message: str) -> None:
    place.put("sets/empty.jsonl", "\n")
    place.put("sets/bad.jsonl", pair("fine", LONG) + '{"prompt": "half"}\n')
    place.put("raw/a.jsonl", pair("x"))
    with pytest.raises(BadData) as caught:
        place.prepare("JSONL", "Completion", step(SETS + uri))
    assert caught.value.reason == "BadEvaluationSet"
    assert caught.value.message.startswith(f"steps[1].decontaminate.against: {SETS[: len(SETS) - 5]}")
    assert message in caught.value.message
