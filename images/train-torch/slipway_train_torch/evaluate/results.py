"""Where are a model's figures kept, so that they are measured once?"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slipway import __version__
from slipway.api.common import ArtifactRef, EvaluationMetric
from slipway.contract.artifact import digest_of
from slipway.contract.job import Store, Subject
from slipway_pod.stop import StopFlag, Stopped
from slipway_pod.store import Bucket, Kept, open_store
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.so_far import SO_FAR, SoFar, lines, rows

log = logging.getLogger("slipway")

MEASURE = 1
"""Raise it when a figure means something new: results measured before are then not used any more."""
PREFIX = "evaluations"
ITEMS = "items.jsonl"
PATIENCE = timedelta(minutes=10)
"""How long a request is tried again: with the pod go the items that it could not keep, and it was minutes before the
models lay here and were loaded."""


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
        self._bucket: Bucket = open_store(store, patience=PATIENCE)
        self._prefix = f"{store.prefix.strip('/')}/{PREFIX}".lstrip("/")

    def measured(self, key: str, measure: Callable[[], Iterable[Figure]]) -> tuple[Figure, ...]:
        """Return what lies under `key`; measure and keep it when nothing does."""
        path = f"{self._prefix}/{key}/{ITEMS}"
        if self._bucket.exists(path):
            log.info("already measured: %s", self._bucket.uri(path))
            found = tuple(_figure(row) for row in rows(self._bucket.read(path)))
        else:
            found = tuple(measure())
            self._bucket.put(path, lines(figure.line() for figure in found))
        # Also where the figures were there: whoever wrote them may have ended before it came to this.
        self._bucket.delete(f"{self._prefix}/{key}/{SO_FAR}")
        return found

    def as_they_come(
        self, key: str, items: Sequence[Item], measure: Callable[[int], Iterable[Figure]]
    ) -> tuple[Figure, ...]:
        """Return a figure of each of `items`, in order, and keep them under `key` as they come: an attempt that follows
        begins with those. `measure` yields the figures after the first so many.

        Raises Stopped once all that was measured is kept, when the pod is to end.
        """
        so_far = SoFar(self._bucket, f"{self._prefix}/{key}/{SO_FAR}", [item.id for item in items])
        if (done := len(so_far.rows)) < len(items):
            with StopFlag.meanwhile() as stop, so_far:
                for figure in measure(done):
                    so_far.add(figure.line())
                    if stop.is_set():
                        break
            if stop.is_set():
                raise Stopped(len(so_far.rows))
        return tuple(map(_figure, so_far.rows))

    def known(self, key: str) -> bool:
        """Tell whether figures lie under `key`."""
        return self._bucket.exists(f"{self._prefix}/{key}/{ITEMS}")

    def report(self, key: str, told: Iterable[dict[str, Any]]) -> str:
        """Write the report of one evaluation and return its address."""
        return self.keep(key, "report.jsonl", lines(told))

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


def _figure(row: dict[str, Any]) -> Figure:
    note = dict(row)
    amount = note.pop("amount")
    return Figure(note.pop("id"), note.pop("group"), math.nan if amount is None else amount, note.pop("weight"), note)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
