"""Which rows are kept, and where in the packs do they lie?"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from slipway_pod.store import Bucket

log = logging.getLogger("slipway")

INDEX = "index.json"


class Part(NamedTuple):
    """Rows of one file that lie together in a pack, and the digest that their bytes have."""

    pack: str
    start: int
    bytes: int
    sha256: str


class Index(BaseModel):
    """The rows of each file by their key (see `key`), and the size of each pack."""

    model_config = ConfigDict(frozen=True)

    entries: Mapping[str, tuple[Part, ...]] = {}
    packs: Mapping[str, int] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := used_by(self.entries).keys() - self.packs.keys():
            raise ValueError(f"it has rows in packs that it does not list, for example {min(missing)}")
        return self

    def unused(self) -> frozenset[str]:
        """Return the packs that have bytes of no entry in them."""
        live = used_by(self.entries)
        return frozenset(name for name, size in self.packs.items() if live[name] < size)


def used_by(entries: Mapping[str, Iterable[Part]]) -> Counter[str]:
    """Return how many bytes of each pack are those of `entries`."""
    found: Counter[str] = Counter()
    for parts in entries.values():
        for part in parts:
            found[part.pack] += part.bytes
    return found


def place(reading: str, path: str) -> str:
    """Return what the keys of a file's rows begin with, whatever the file holds; `reading` says how it is read."""
    return _digest([reading, path])


def key(place: str, content: str) -> str:
    """Return the key of the rows of a file with this `content`."""
    return f"{place}-{_digest(content)}"


def place_of(key: str) -> str:
    """Return the place that `key` is made of."""
    return key.partition("-")[0]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:40]


def read(bucket: Bucket, folder: str) -> Index:
    """Return what is kept in `folder`; nothing where nothing is, or nobody can tell what."""
    where = f"{folder}/{INDEX}"
    if not bucket.exists(where):
        return Index()
    try:
        return Index.model_validate_json(bucket.read(where))
    except ValidationError:
        log.warning("%s is damaged: every file is read anew", bucket.uri(where))
        return Index()


def write(bucket: Bucket, folder: str, index: Index) -> None:
    """Let `index` say what is kept in `folder`; readers see the one before or this one."""
    bucket.put(f"{folder}/{INDEX}", index.model_dump_json().encode())
