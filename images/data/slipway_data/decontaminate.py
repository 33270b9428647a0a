"""Does a row give away an item of an evaluation set?

As for GPT-3 (Brown et al. 2020, appendix C): a run of words in common is a sign of the item, words without case and
punctuation. The runs of the sets lie on disk, so memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from slipway.api.dataset import Schema
from slipway.api.dataset_steps import Decontaminate
from slipway.contract.job import Store
from slipway_data import read_jsonl
from slipway_data.raw import RawFile
from slipway_data.rows import CONTAMINATED, Rejected, Row
from slipway_pod.errors import BadData
from slipway_pod.store import open_uri

LEAST_WORDS = 8
"""Items with fewer words would be found in rows that say something else."""
AT_ONCE = 500
"""Runs that are looked up by one query."""


@dataclass(frozen=True)
class Item:
    """An item of an evaluation set that a row shares runs with."""

    name: str
    runs: int
    shared: int


class Decontaminator:
    """Rejects rows that share runs of words with the evaluation sets of a step."""

    def __init__(
        self,
        step: Decontaminate,
        number: int,
        store: Store,
        schema: Schema,
        database: sqlite3.Connection,
    ) -> None:
        self._step, self._number, self._database = step, number, database
        self._lengths: set[int] = set()
        self._items, self._runs = f"items_{number}", f"runs_{number}"
        database.execute(f"CREATE TABLE {self._items} (number INTEGER PRIMARY KEY, name TEXT, runs INTEGER)")
        database.execute(f"CREATE TABLE {self._runs} (run BLOB, item INTEGER, PRIMARY KEY (run, item)) WITHOUT ROWID")
        for uri in step.against:
            self._read(uri, store, schema)

    def __call__(self, row: Row) -> Row | Rejected:
        """Return the row where it gives nothing away, else a rejection that names the item given away most."""
        words = words_of(row.content.text)
        runs = {run for length in self._lengths for run in runs_of(words, length)} | whole(words)
        # The worst item, and among equals the first one, so that the message is the same each time.
        found = min(self._hits(sorted(runs)), key=lambda i: (-i.shared * 100 // i.runs, i.name), default=None)
        if found is None:
            return row
        message = f"it shares {found.shared} of {found.runs} runs of words with {found.name}, an item of decontaminate"
        return Rejected(row.id, CONTAMINATED, f"{message}.against")

    def _hits(self, runs: list[bytes]) -> Iterator[Item]:
        shared: Counter[int] = Counter()
        for at in range(0, len(runs), AT_ONCE):
            part = runs[at : at + AT_ONCE]
            query = f"SELECT item FROM {self._runs} WHERE run IN ({','.join('?' * len(part))})"
            shared.update(item for (item,) in self._database.execute(query, part))
        least = self._step.shared_percent
        for number, count in shared.items():
            query = f"SELECT name, runs FROM {self._items} WHERE number = ?"
            name, total = self._database.execute(query, (number,)).fetchone()
            if least is None or count * 100 >= least * total:
                yield Item(name, total, count)

    def _read(self, uri: str, store: Store, schema: Schema) -> None:
        before = self._count()
        for address, file in files(uri, store):
            # Who is judged is asked, not offered two answers: sets of conversations serve preferences too.
            for item in read_jsonl.read(file, "Chat" if schema == "Preference" else schema):
                if isinstance(item, Rejected):
                    raise self._bad(f"{address}: a line is no item: correct it", f"{item.id}: {item.message}")
                self._add(f"{address}:{item.id.rpartition(':')[2]}", words_of(item.content.text))
        if self._count() == before:
            raise self._bad(f"{uri} has no item: name a file, or a prefix that ends in / with files *.jsonl below it")

    def _bad(self, message: str, example: str = "") -> BadData:
        where = f"steps[{self._number}].decontaminate.against"
        return BadData("BadEvaluationSet", f"{where}: {message}", example=example)

    def _add(self, name: str, words: list[str]) -> None:
        length = min(len(words), self._step.words)
        runs = set(runs_of(words, length)) if length >= LEAST_WORDS else whole(words)
        if not runs:
            return
        if length >= LEAST_WORDS:
            self._lengths.add(length)
        insert = f"INSERT INTO {self._items} (name, runs) VALUES (?, ?)"
        number = self._database.execute(insert, (name, len(runs))).lastrowid
        self._database.executemany(f"INSERT INTO {self._runs} VALUES (?, ?)", ((run, number) for run in sorted(runs)))

    def _count(self) -> int:
        return int(self._database.execute(f"SELECT COUNT(*) FROM {self._items}").fetchone()[0])


def words_of(text: str) -> list[str]:
    """Return the words of `text` without case and punctuation."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def runs_of(words: list[str], length: int) -> Iterator[bytes]:
    """Yield the digest of every run of `length` words."""
    for at in range(len(words) - length + 1):
        yield _digest(words[at : at + length])


def whole(words: list[str]) -> set[bytes]:
    """Return the digest of a text of few words as a whole, which no run inside another text is equal to."""
    return {_digest(["", *words])} if 0 < len(words) < LEAST_WORDS else set()


def _digest(words: Iterable[str]) -> bytes:
    return hashlib.sha256(" ".join(words).encode()).digest()[:16]


def files(uri: str, store: Store) -> Iterator[tuple[str, RawFile]]:
    """Yield the files of a set, each with its address."""
    bucket, key = open_uri(store, uri)
    if key and not key.endswith("/"):
        # A file that is missing gives no item; a prefix without its / is another way to name nothing.
        if (one := bucket.find(key)) is not None:
            yield uri, RawFile(uri, partial(bucket.stream, key), one.identity)
        return
    for stored in sorted(bucket.list(key), key=lambda s: s.key):
        if stored.key.endswith(".jsonl"):
            address = bucket.uri(stored.key)
            yield address, RawFile(address, partial(bucket.stream, stored.key, stored.bytes), stored.identity)
