"""Where are a model's figures kept, so that they are measured once?"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slipway import __version__
from slipway.api.common import ArtifactRef, EvaluationMetric
from slipway.contract.artifact import digest_of
from slipway.contract.job import Store, Subject
from slipway_pod.store import Bucket, Kept, open_store

log = logging.getLogger("slipway")

MEASURE = 1
"""Raise it when a figure means something new: results measured before are then not used any more."""
PREFIX = "evaluations"


@dataclass(frozen=True)
class Figure:
    """One model on one item: `amount` per `weight` (nats per token, valid answers per answer), and notes for people."""

    id: str
    group: str
    amount: float
    weight: float
    note: dict[str, Any]

    def line(self) -> dict[str, Any]:
        """Return its JSON form; JSON has no NaN, null stands for it."""
        amount = self.amount if math.isfinite(self.amount) else None
        return {"id": self.id, "group": self.group, "amount": amount, "weight": self.weight, **self.note}


class Results:
    """The folder `evaluations/` of the object store."""

    def __init__(self, store: Store) -> None:
        self._bucket: Bucket = open_store(store)
        self._prefix = f"{store.prefix.strip('/')}/{PREFIX}".lstrip("/")

    def measured(self, key: str, measure: Callable[[], Iterable[Figure]]) -> tuple[Figure, ...]:
        """Return what lies under `key`; measure and keep it when nothing does."""
        path = f"{self._prefix}/{key}/items.jsonl"
        if self._bucket.exists(path):
            log.info("already measured: %s", self._bucket.uri(path))
            # As bytes: what an answer has in it may end a line for a str (U+2028), and does not for JSON lines.
            return tuple(_figure(line) for line in self._bucket.read(path).splitlines())
        found = tuple(measure())
        self._bucket.put(path, _lines(figure.line() for figure in found))
        return found

    def known(self, key: str) -> bool:
        """Tell whether figures lie under `key`."""
        return self._bucket.exists(f"{self._prefix}/{key}/items.jsonl")

    def report(self, key: str, lines: Iterable[dict[str, Any]]) -> str:
        """Write the report of one evaluation and return its address."""
        return self.keep(key, "report.jsonl", _lines(lines))

    def keep(self, key: str, name: str, content: bytes) -> str:
        """Write a file of one evaluation and return its address."""
        path = f"{self._prefix}/{key}/{name}"
        self._bucket.put(path, content)
        return self._bucket.uri(path)

    def kept(self, key: str, name: str, kind: type[Kept]) -> Kept | None:
        """Return what was kept as JSON in a file of one evaluation; None where nothing of that kind is."""
        return self._bucket.kept(f"{self._prefix}/{key}/{name}", kind)


def key_of(
    subject: Subject,
    data: ArtifactRef,
    metric: EvaluationMetric,
    seed: int,
    engines: Sequence[str],
    marks: Sequence[str] = (),
) -> str:
    """Return the name under which figures are kept: a digest of everything that determines them.

    `engines` are packages, which count with their versions; `marks` are other things that matter, as they are.
    """
    determined = {
        "artifact": subject.artifact.digest,
        "base": subject.base_model.digest if subject.base_model is not None else "",
        "kind": subject.kind,
        "formats": sorted(subject.formats),
        "data": data.digest,
        "metric": metric.dump(),
        "seed": seed,
        "code": [MEASURE, __version__, *(f"{name} {_version(name)}" for name in engines), *marks],
    }
    return digest_of(determined).removeprefix("sha256:")


def _figure(line: bytes) -> Figure:
    read = json.loads(line)
    amount = read.pop("amount")
    return Figure(
        read.pop("id"), read.pop("group"), math.nan if amount is None else amount, read.pop("weight"), note=read
    )


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
