"""Which rows does a file of a prepared Dataset hold?"""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.dataset import Schema
from slipway_data import read_parquet
from slipway_data.raw import RawFile
from slipway_data.rows import Parsed, Rejected
from slipway_pod.errors import BadData

IDENTITY = frozenset({"id", "group"})


def read(file: RawFile, schema: Schema) -> Iterator[Parsed]:
    """Yield the rows of `file`, whose path is member/split/shard, each with the split that it keeps.

    Ids and groups of different members are different ones, whatever they are called. Raises BadData at a row that
    cannot be read: it was checked when it was prepared, so something is missing or broken.
    """
    member, split, _ = file.path.split("/")
    for item in read_parquet.read(file, schema, IDENTITY):
        if isinstance(item, Rejected):
            said = f"source.datasets: {item.id}: {item.message}; prepare Dataset {member} again"
            raise BadData("MemberUnreadable", said)
        id, group = (f"{member}/{item.columns[name]}" for name in ("id", "group"))
        yield Parsed(id, item.content, member, group=group, split=split)
