"""Do the rows of Parquet files come through, and is the column named that does not?"""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway_data import read_parquet
from slipway_data.raw import RawFile
from slipway_data.rows import Parsed, Rejected
from tests.unit.data.preparing import Place

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def read(content: bytes, schema: str = "Completion") -> list[Parsed | Rejected]:
    return list(read_parquet.read(RawFile("a.parquet", lambda: [content[:100], content[100:]]), schema))  # type: ignore[arg-type]


def fault(content: bytes, schema: str = "Completion") -> Rejected:
    (item,) = read(content, schema)
    assert isinstance(item, Rejected)
    return item


def test_columns_become_rows_in_their_order(tmp_path: Path) -> None:
    place = Place(tmp_path / "store")
    columns = {
        "prompt": pa.array([f"question {n}" for n in range(700)]).dictionary_encode(),
        "completion": pa.array([f"answer {n}" for n in range(700)], pa.large_string()),
        "project": ["one", None] * 350,
        "score": list(range(700)),
    }
    place.put("raw/a.parquet", parquet(columns, row_group_size=300))
    split = {"trainPercent": 100, "validationPercent": 0, "testPercent": 0, "groupBy": "Project"}
    result = place.prepare("Parquet", split=split)
    rows = {row["id"]: row for row in place.rows(result)}
    assert result.rows.train == 700
    assert rows["a.parquet:1"] == {
        "id": "a.parquet:1",
        "group": "one",
        "prompt": "question 0",
        "completion": "answer 0",
    }
    assert rows["a.parquet:700"]["prompt"] == "question 699"
    assert rows["a.parquet:700"]["group"] == ""


def test_chats_are_read(tmp_path: Path) -> None:
    place = Place(tmp_path / "store")
    place.put("raw/a.parquet", parquet({"messages": [[turn | {"name": "x"} for turn in TURNS]]}))
    assert place.rows(place.prepare("Parquet", "Chat"))[0]["messages"] == TURNS


def test_a_bad_row_is_rejected_by_its_number_and_column() -> None:
    items = read(parquet({"prompt": ["a", None, "c"], "completion": ["x", "y", " "]}))
    assert isinstance(items[0], Parsed)
    assert [(r.id, r.reason) for r in items[1:] if isinstance(r, Rejected)] == [
        ("a.parquet:2", "SchemaViolation"),
        ("a.parquet:3", "NothingToTrainOn"),
    ]
    assert isinstance(items[1], Rejected)
    assert items[1].message.startswith("prompt: ")
    text = pa.array([b"good", b"caf\xe9"], pa.binary()).cast(pa.string(), safe=False)
    good, bad = read(parquet({"prompt": text, "completion": ["x", "y"]}))
    assert isinstance(good, Parsed)
    assert isinstance(bad, Rejected)
    assert bad.reason == "WrongEncoding"


@pytest.mark.parametrize(
    ("columns", "schema", "message"),
    [
        ({"prompt": ["a"]}, "Completion", "there is no column completion"),
        ({"prompt": [1], "completion": ["a"]}, "Completion", "the column prompt is int64, not string"),
        ({"prompt": ["a"], "completion": ["a"], "project": [3]}, "Completion", "the column project is int64"),
        ({"prompt": ["a"], "completion": ["a"]}, "Chat", "there is no column messages"),
        ({"messages": ["a"]}, "Chat", "the column messages is string, not a list of {role: string, content: string}"),
        ({"messages": [[{"role": "user"}]]}, "Chat", "the column messages is list<"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns: dict[str, Any], schema: str, message: str) -> None:
    found = fault(parquet(columns), schema)
    assert (found.id, found.reason) == ("a.parquet", "SchemaViolation")
    assert found.message.startswith(message)


@pytest.mark.parametrize("content", [b"", b"PAR1", b'{"prompt": "a"}\n' * 50, parquet({"prompt": ["a"]})[:-20]])
def test_what_is_no_parquet_file_is_rejected(content: bytes) -> None:
    assert fault(content).reason == "UnreadableFile"


def test_a_damaged_row_group_leaves_the_others() -> None:
    columns = {"prompt": [f"question {n}" * 50 for n in range(30)], "completion": ["x" * n for n in range(1, 31)]}
    content = bytearray(parquet(columns, row_group_size=10, compression="zstd", use_dictionary=False))
    held = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(0)
    content[held.data_page_offset : held.data_page_offset + held.total_compressed_size] = bytes(
        held.total_compressed_size
    )
    items = read(bytes(content))
    lost = [item for item in items if isinstance(item, Rejected)]
    assert [(r.id, r.reason) for r in lost] == [("a.parquet:11", "UnreadableFile")]
    assert "rows 11 to 20 are lost" in lost[0].message
    assert [item.id for item in items if isinstance(item, Parsed)] == [
        f"a.parquet:{n}" for n in (*range(1, 11), *range(21, 31))
    ]


def test_rows_too_large_to_be_rows_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    content = parquet({"prompt": ["a" * 5000, "b" * 5000], "completion": ["x", "y"]}, use_dictionary=False)
    monkeypatch.setattr(read_parquet, "LINE_LIMIT", 1000)
    found = fault(content)
    assert (found.id, found.reason) == ("a.parquet:1", "UnreadableFile")
    few = parquet({"prompt": ["a" * 1500, *["b"] * 9], "completion": ["x"] * 10}, use_dictionary=False)
    first, *rest = read(few)
    assert isinstance(first, Rejected)
    assert len([r for r in rest if isinstance(r, Parsed)]) == 9


def test_one_large_row_group_is_read_in_small_batches() -> None:
    text = [f"{n:06}" * 2000 for n in range(2000)]
    content = parquet(
        {"prompt": text, "completion": ["x"] * 2000}, row_group_size=2000, use_dictionary=False, write_batch_size=64
    )
    held = pa.total_allocated_bytes()
    tracemalloc.start()
    most = 0
    for item in read_parquet.read(RawFile("a.parquet", lambda: [content]), "Completion"):
        assert isinstance(item, Parsed)
        most = max(most, pa.total_allocated_bytes() - held)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The texts have 24 MB, all in one row group.
    assert most < 12_000_000
    assert peak < 12_000_000
