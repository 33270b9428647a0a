"""Is what is good of a raw file used, however bad the rest of it is?"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from slipway.contract.feedback import FeedbackRecord
from slipway_data import packed, raw
from slipway_data.raw import RawFile, Refused
from slipway_data.schema import LINES
from tests.unit.data.preparing import BUCKET, Place, pair, pairs

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


# Lines with many faults


@pytest.mark.parametrize(
    ("model", "name", "most"),
    [(LINES["Chat"], "messages", 2), (LINES["Preference"], "chosen", 4), (FeedbackRecord, "prompt", 9)],
)
def test_of_the_faults_of_a_line_not_all_are_told(model: type[BaseModel], name: str, most: int) -> None:
    """Each takes a kilobyte, and a line may have millions."""
    with pytest.raises(ValidationError) as error:
        model.model_validate_json(f'{{"{name}": [{"{}," * 1000}{{}}]}}')
    assert error.value.error_count() <= most
    assert (name, 0, "role") in [fault["loc"] for fault in error.value.errors()]


# Encodings


def test_a_file_of_mixed_encodings_keeps_its_good_rows(place: Place) -> None:
    lines = [
        b"\xef\xbb\xbf" + pair("with a mark").encode(),
        '{"prompt": "café", "completion": "Latin-1"}\n'.encode("latin-1"),
        '{"prompt": "grüße", "completion": "UTF-8"}\n'.encode(),
        b"\xff\xfe" + '{"prompt": "wide", "completion": "UTF-16"}'.encode("utf-16-le") + b"\n",
        '{"prompt": "привет", "completion": "cp1251"}\n'.encode("cp1251"),
        pair("last").encode(),
    ]
    place.put("raw/a.jsonl", b"".join(lines))
    result = place.prepare(quality={"maxRejectedPercent": 50})
    assert {row["id"]: row["prompt"] for row in place.rows(result)} == {
        "a.jsonl:1": "with a mark",
        "a.jsonl:3": "grüße",
        "a.jsonl:6": "last",
    }
    found = [(e["id"], e["reason"]) for e in place.rejected(result)]
    assert found == [(f"a.jsonl:{number}", "WrongEncoding") for number in (2, 4, 5)]


# Packed files


def reading(place: Place, path: str, content: bytes, parse: str = "JSONL", schema: str = "Completion") -> Any:
    """Return the ids of the rows of a file beside a good one, and what is said of it."""
    place.put("raw/z.jsonl" if parse == "JSONL" else "raw/z.md", pairs(1) if parse == "JSONL" else "# Good\n\nText.\n")
    place.put(f"raw/{path}", content)
    result = place.prepare(parse, schema, quality={"maxRejectedPercent": 90})
    found = [row["id"] for row in place.rows(result) if not row["id"].startswith("z.")]
    return found, [(e["id"], e["reason"], e["message"]) for e in place.rejected(result)]


@pytest.mark.parametrize("path", ["a.jsonl.gz", "a.json.gz", "A.JSONL.GZ"])
def test_lines_that_gzip_has_packed_are_rows(place: Place, path: str) -> None:
    # Two members, as `cat` of two files makes them, with padding at the end.
    content = gzip.compress(pairs(2).encode()) + gzip.compress(pairs(1, 2).encode()) + bytes(100)
    assert reading(place, path, content) == ([f"{path}:{n}" for n in (1, 2, 3)], [])


def test_a_name_may_end_so_without_anything_packed(place: Place) -> None:
    assert reading(place, "a.jsonl.gz", pairs(1).encode()) == (["a.jsonl.gz:1"], [])
    assert reading(place, "b.jsonl.gz", b"")[1] == []


def test_a_packed_file_that_is_cut_keeps_the_rows_before_the_cut(place: Place) -> None:
    content = gzip.compress("".join(pair(hashlib.sha256(bytes([n])).hexdigest()) for n in range(200)).encode())
    found, (entry,) = reading(place, "a.jsonl.gz", content[: len(content) // 2])
    assert 50 < len(found) < 150
    number = len(found) + 1
    message = "it is cut: what comes after is lost, so copy it anew"
    assert entry == (f"a.jsonl.gz:{number}", "UnreadableFile", message)
    # The last bytes are a checksum: without them all rows are there, and the file is still said to be cut.
    found, (entry,) = reading(place, "a.jsonl.gz", content[:-1])
    assert (len(found), entry[2]) == (200, message)


def test_a_packed_file_that_is_damaged_is_said(place: Place) -> None:
    content = bytearray(gzip.compress(pairs(3).encode()))
    content[-8] ^= 1  # of the checksum
    assert reading(place, "a.jsonl.gz", bytes(content))[1][0][2].startswith("it is damaged: ")
    content[12:40] = bytes(range(28))
    assert reading(place, "a.jsonl.gz", bytes(content))[1][0][2].startswith("it is damaged: ")


def test_a_bomb_is_not_unpacked_to_its_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "ALWAYS", 1_000_000)
    monkeypatch.setattr(packed, "PIECE", 100_000)
    inside = gzip.compress((pairs(1) + "\n" * 5_000_000).encode())
    found, (entry,) = reading(place, "a.jsonl.gz", inside)
    assert found == ["a.jsonl.gz:1"]
    assert entry[2].startswith("it unpacks to more than 0 MiB and 100 times its own size: ")
    # What shrinks as data does is not bounded.
    monkeypatch.setattr(packed, "ALWAYS", 0)
    text = "".join(pair(hashlib.sha256(bytes([n])).hexdigest()) for n in range(200))
    place.put("raw/a.jsonl.gz", gzip.compress(text.encode()))
    assert place.prepare().rows.train == 200 + 1


@pytest.mark.parametrize(
    ("begin", "by"),
    [
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b"PK\x03\x04\x14\x00", "zip"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "zstd"),
        (lzma.compress(b"x"), "xz"),
    ],
)
def test_other_packed_files_are_one_rejection_with_the_cure(place: Place, begin: bytes, by: str) -> None:
    content = begin + b"\n\x00\xff" * 100
    message = f"it is packed with {by}: unpack it first"
    for path, parse in (("a.jsonl", "JSONL"), ("a.bin", "JSONL"), ("a.md", "Markdown")):
        shutil.rmtree(place.root / BUCKET / "raw", ignore_errors=True)
        found, (entry,) = reading(place, path, content, parse)
        assert found == []
        assert entry[:2] == (path, "UnreadableFile")
        assert entry[2].startswith(message)
        assert (".jsonl.gz" in entry[2]) == (by == "gzip")


def test_feedback_may_be_packed(place: Place) -> None:
    asked = [{"role": "user", "content": "question"}]
    said = {"id": "1", "version": "1.0.0", "prompt": asked, "answer": "good", "thumb": "up"}
    place.put("slipway/feedback/demo/assistant/a.jsonl.gz", gzip.compress(json.dumps(said).encode()))
    result = place.prepare("Feedback", "Chat", source={"feedback": {"model": "assistant"}})
    assert [row["messages"][-1]["content"] for row in place.rows(result)] == ["good"]
