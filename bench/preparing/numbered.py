"""How do engines read the same rows by readers of their own, which count no lines? The id of each lies beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from bench.preparing.text import Text, rows


def write(of: Text, out: Path) -> None:
    """Write the text into `out`, in as many shards."""
    out.mkdir()
    for shard, found in groupby(rows(of.folder), lambda row: row[0].partition(":")[0]):
        with (out / shard).open("w", encoding="utf-8") as file:
            file.writelines(lines(found))


def lines(found: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield rows as lines of JSON with `id` and `completion`."""
    for id, text in found:
        yield json.dumps({"id": id, "completion": text}, ensure_ascii=False) + "\n"
