"""Do the rows of Parquet files come through, and is the column named that does not?"""

from __future__ import annotations

import io
import os
import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway_data import bounded, read_parquet
from slipway_data.bounded import MIB
from slipway_data.raw import RawFile
from slipway_data.read_parquet import MEMORY
from slipway_data.rows import Completion, Parsed, Rejected
from tests.unit.data.preparing import Place, damaged

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def read(content: bytes, schema: str = "Completion") -> list[Parsed | Rejected]:
    return list(read_parquet.read(RawFile("a.parquet", lambda: [content[:100], content[100:]]), schema))  # type: ignore[arg-type]


def here(tmp_path: Path, content: bytes, schema: str = "Completion") -> list[Parsed | Rejected]:
    """Read in this process."""
    (tmp_path / "spool").write_bytes(content)
    count, *items = read_parquet.rows(tmp_path / "spool", "a.parquet", schema, frozenset(), MEMORY)  # type: ignore[arg-type]
    assert count == sum(item.rows if isinstance(item, Rejected) else 1 for item in items)  # type: ignore[union-attr]
    return items  # type: ignore[return-value]


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
    items = read(damaged(30, 10))
    lost = [item for item in items if isinstance(item, Rejected)]
    assert [(r.id, r.reason, r.rows) for r in lost] == [("a.parquet:11", "UnreadableFile", 10)]
    assert lost[0].message == "rows 11 to 20 are lost: the file is damaged; copy it anew"
    assert [item.id for item in items if isinstance(item, Parsed)] == [
        f"a.parquet:{n}" for n in (*range(1, 11), *range(21, 31))
    ]


def test_rows_too_large_to_be_rows_are_rejected_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_parquet, "LINE_LIMIT", 1000)
    columns = {"prompt": ["a" * 1500, *["b"] * 9, "c" * 5000], "completion": ["x"] * 11}
    for options in ({}, {"use_dictionary": False}, {"row_group_size": 1}):
        items = here(tmp_path, parquet(columns, **options))
        lost = [item for item in items if isinstance(item, Rejected)]
        assert [(item.id, item.reason, item.rows) for item in lost] == [
            ("a.parquet:1", "UnreadableFile", 1),
            ("a.parquet:11", "UnreadableFile", 1),
        ]
        assert [item.id for item in items if isinstance(item, Parsed)] == [f"a.parquet:{n}" for n in range(2, 11)]


def test_a_dictionary_that_rows_share_is_not_the_size_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_parquet, "LINE_LIMIT", 1000)
    texts = [f"{n:06}" * 20 for n in range(100)]
    turns = [{"role": "user", "content": texts[0]}, {"role": "assistant", "content": texts[1]}]
    for prompt in (pa.array(texts).dictionary_encode(), pa.array(texts, pa.string_view())):
        items = here(tmp_path, parquet({"prompt": prompt, "completion": texts}))
        assert [item.id for item in items if isinstance(item, Parsed)] == [f"a.parquet:{n}" for n in range(1, 101)]
    items = here(tmp_path, parquet({"messages": [turns] * 99 + [turns * 9]}), "Chat")
    assert [item.id for item in items if isinstance(item, Rejected)] == ["a.parquet:100"]


def test_one_large_row_group_is_read_in_small_batches(tmp_path: Path) -> None:
    text = [f"{n:06}" * 2000 for n in range(2000)]
    content = parquet(
        {"prompt": text, "completion": ["x"] * 2000}, row_group_size=2000, use_dictionary=False, write_batch_size=64
    )
    (tmp_path / "spool").write_bytes(content)
    held = pa.total_allocated_bytes()
    tracemalloc.start()
    most = 0
    found = read_parquet.rows(tmp_path / "spool", "a.parquet", "Completion", frozenset(), MEMORY)
    assert next(found) == 2000
    for item in found:
        assert isinstance(item, Parsed)
        most = max(most, pa.total_allocated_bytes() - held)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The texts have 24 MB, all in one row group.
    assert most < 12_000_000
    assert peak < 12_000_000


# What takes too much memory


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done in another process may take 64 MiB."""
    monkeypatch.setattr(read_parquet, "MEMORY", 64 * MIB)


def test_a_kilobyte_that_becomes_gigabytes_is_read_in_bounded_memory(peaks: list[int]) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 80), pa.array(["x" * 15 * MIB]))
    content = parquet({"prompt": text, "completion": ["a"] * 80}, compression="zstd", store_schema=False)
    assert len(content) < 4000
    found = read_parquet.read(RawFile("a.parquet", lambda: [content]), "Completion")
    assert sum(isinstance(item, Parsed) for item in found) == 80
    bounded.end()
    assert max(peaks) < MEMORY + 100 * MIB, "together they have 1,200 MiB"


def test_rows_around_one_that_is_far_too_large_are_kept() -> None:
    """It makes the rows of its group 20 MiB on average."""
    columns = {"prompt": ["a", "x" * 60 * MIB, "c"], "completion": ["x"] * 3}
    items = read(parquet(columns, compression="zstd"))
    assert [item.id for item in items] == [f"a.parquet:{n}" for n in (1, 2, 3)]
    assert [type(item) for item in items] == [Parsed, Rejected, Parsed]
    assert isinstance(items[1], Rejected)
    assert items[1].message == "the row has 60 MiB, 16 are the most: cut it into several rows"


@pytest.mark.usefixtures("small")
def test_a_page_that_no_memory_suffices_for_costs_its_rows_only() -> None:
    text = ["a" * 100] * 9
    text[4] = "x" * 30 * MIB
    content = parquet(
        {"prompt": text, "completion": ["x"] * 9},
        compression="zstd",
        use_dictionary=False,
        data_page_size=10,
        write_batch_size=1,
        row_group_size=6,
    )
    items = read(content)
    assert [item.id for item in items] == [f"a.parquet:{n}" for n in range(1, 10)]
    assert [item.id for item in items if isinstance(item, Rejected)] == ["a.parquet:5"]


@pytest.mark.usefixtures("small")
def test_a_group_that_cannot_be_read_is_lost_with_the_number_of_its_rows(tmp_path: Path) -> None:
    place = Place(tmp_path / "store")
    text = ["a"] * 12
    text[4] = "x" * 70 * MIB  # in a dictionary, without which no row of the group can be read
    place.put("raw/a.parquet", parquet({"prompt": text, "completion": ["x"] * 12}, row_group_size=6))
    result = place.prepare("Parquet", quality={"maxRejectedPercent": 50})
    assert (result.rows.train, result.rows.rejected) == (6, 6)
    (entry,) = place.rejected(result)
    assert (entry["id"], entry["rows"]) == ("a.parquet:1", 6)
    assert entry["message"] == (
        "rows 1 to 6 are lost: to read them takes more than 64 MiB of memory; cut the largest of them, or write row "
        "groups of fewer rows"
    )


def test_what_brings_the_reader_down_costs_the_rows_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_parquet, "rows", brought_down)
    items = read(b"")
    assert [item.id for item in items] == ["a.parquet:1", "a.parquet:2"]
    assert isinstance(items[1], Rejected)
    assert items[1].rows == 6
    assert items[1].message.startswith("rows 2 to 7 are lost: ")


def brought_down(*_: Any) -> Iterator[Any]:
    yield 7
    yield Parsed("a.parquet:1", Completion("a" * bounded.FRAME, "b"))
    os.kill(os.getpid(), signal.SIGABRT)
