"""Which rows did a pipeline keep, and do both keep the same?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from bench.preparing.text import rows


@dataclass(frozen=True)
class Agreement:
    """How alike two choices are, counted in different texts: of equal rows, each pipeline may keep another one."""

    texts: int
    """Different texts before any choice."""
    both: int
    """Texts of which both keep a row."""
    ours: int
    """Texts of which we alone do."""
    theirs: int

    @property
    def percent(self) -> float:
        """Of all texts, those with which both did the same."""
        return 100 * (1 - (self.ours + self.theirs) / self.texts)


def parquet_ids(folder: Path) -> Iterator[str]:
    """Yield the ids of the rows of a split that Slipway made."""
    for shard in sorted(folder.glob("*.parquet")):
        yield from pq.read_table(shard, columns=["id"])["id"].to_pylist()


def jsonl_ids(folder: Path) -> Iterator[str]:
    """Yield the ids of the rows that datatrove wrote."""
    for shard in sorted(folder.glob("*.jsonl")):
        with shard.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["id"]


def texts(folder: Path) -> dict[str, bytes]:
    """Return a digest of the text of each row in `folder`, by its id."""
    return {id: hashlib.sha256(text.encode()).digest() for id, text in rows(folder)}


def agreement(of: Mapping[str, bytes], ours: Set[str], theirs: Set[str]) -> Agreement:
    """Compare two sets of ids of rows whose texts have the digests `of`."""
    mine, peer = ({of[id] for id in ids} for ids in (ours, theirs))
    return Agreement(len(set(of.values())), len(mine & peer), len(mine - peer), len(peer - mine))
