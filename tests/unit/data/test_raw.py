"""Is what is good of a raw file used, however bad the rest of it is?"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway_data import raw
from slipway_data.raw import RawFile, Refused
from tests.unit.data.preparing import Place, pair, pairs

LIMIT = 1000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines may have LIMIT bytes."""
    monkeypatch.setattr(raw, "LINE_LIMIT", LIMIT)


# Lines that are too long


def cut(content: bytes, size: int) -> RawFile:
    """Return a file that comes in pieces of `size` bytes."""
    return RawFile("a.jsonl", lambda: (content[at : at + size] for at in range(0, len(content), size)))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("size", [1, 7, 999, 10_000])
def test_lines_after_one_that_is_too_long_are_found_however_the_file_comes(size: int) -> None:
    content = b"first\n" + b"x" * 5 * LIMIT + b"\nsecond\n\n" + b"y" * (LIMIT + 1) + b"\nlast\n" + b"z" * 2 * LIMIT
    found = [None if isinstance(line, Refused) else line for line in cut(content, size).lines()]
    assert found == [b"first", None, b"second", b"", None, b"last", None]
    assert list(cut(b"x" * LIMIT, size).lines()) == [b"x" * LIMIT]


@pytest.mark.usefixtures("short")
def test_a_line_that_is_too_long_is_not_held() -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * LIMIT for _ in range(2000))
        yield b"\nlast"

    tracemalloc.start()
    try:
        refused, last = RawFile("a.jsonl", endless).lines()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Refused)
    assert last == b"last"
    assert most < 50 * LIMIT, "the line has 2,000 of them"


@pytest.mark.usefixtures("short")
def test_rows_after_a_line_that_is_too_long_are_kept(place: Place) -> None:
    place.put("raw/a.jsonl", pairs(2) + pair("long", "x" * 5 * LIMIT) + pairs(2, 2))
    result = place.prepare(quality={"maxRejectedPercent": 50})
    assert [row["id"] for row in place.rows(result)] == [f"a.jsonl:{n}" for n in (1, 2, 4, 5)]
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("a.jsonl:3", "UnreadableFile")
    assert entry["message"].startswith("the line is longer than")


@pytest.mark.usefixtures("short")
def test_feedback_after_a_record_that_is_too_long_counts(place: Place) -> None:
    def said(id: str, answer: str) -> str:
        asked = [{"role": "user", "content": f"question {id}"}]
        return json.dumps({"id": id, "version": "1.0.0", "prompt": asked, "answer": answer, "thumb": "up"}) + "\n"

    records = said("1", "one") + said("2", "x" * 5 * LIMIT) + said("3", "three")
    place.put("slipway/feedback/demo/assistant/a.jsonl", records)
    source = {"feedback": {"model": "assistant"}}
    result = place.prepare("Feedback", "Chat", source=source, quality={"maxRejectedPercent": 50})
    assert sorted(row["messages"][-1]["content"] for row in place.rows(result)) == ["one", "three"]
    assert [(e["id"], e["reason"]) for e in place.rejected(result)] == [("a.jsonl:2", "UnreadableFile")]
