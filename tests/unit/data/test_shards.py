"""Are rows written in groups and shards that only their contents decide, and is what goes wrong told?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from slipway_data import shards
from slipway_data.rows import Completion, Row
from slipway_data.shards import ShardWriter


def row(number: int) -> Row:
    return Row(f"{number:04}", "g", Completion("ask", f"answer {number}"))


def test_groups_and_shards_come_out_in_order_and_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "GROUP_ROWS", 4)
    monkeypatch.setattr(shards, "SHARD_ROWS", 10)
    for name in ("one", "other"):
        writer = ShardWriter(tmp_path / name, "Completion")
        for number in range(23):
            writer.write(row(number))
        writer.close()
        assert writer.count == 23
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == ["00000.parquet", "00001.parquet", "00002.parquet"]
    found = [pq.ParquetFile(file) for file in files]
    groups = [[file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] for file in found]
    assert groups == [[4, 4, 2], [4, 4, 2], [3]]
    ids = [id for file in found for id in file.read(columns=["id"])["id"].to_pylist()]
    assert ids == [row(number).id for number in range(23)]
    assert [file.read_bytes() for file in files] == [(tmp_path / "other" / file.name).read_bytes() for file in files]


def test_a_group_that_cannot_be_written_is_told_by_what_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "GROUP_ROWS", 2)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    writer = ShardWriter(tmp_path / "train", "Completion")
    writer.write(row(1))
    writer.write(row(2))
    with pytest.raises(OSError, match="No space left"):
        writer.close()
