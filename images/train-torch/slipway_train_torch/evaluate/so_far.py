"""What has an evaluation done so far, so that the attempt that follows goes on from there?

    evaluations/KEY/so-far.jsonl    a line for each of the first items: its figure, or the answer that is to be run

It is one object, written anew as the lines grow: who reads it finds a whole one. Pods that measure the same model at
once do no harm to each other, for what each of them writes is right. It goes when the figures are complete.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from itertools import takewhile
from types import TracebackType
from typing import Any

from slipway_pod.errors import PodError, StoreUnreachable
from slipway_pod.store import Bucket

log = logging.getLogger("slipway")

SO_FAR = "so-far.jsonl"
EVERY_SECONDS = 15.0
"""What a pod that is killed may lose, beside the item that it was at."""
BYTES_PER_SECOND = 1 << 20
"""How much may be written, on average: many long answers are written less often."""


class SoFar:
    """The rows of a measurement that is under way, one for each of the items `ids`, in their order.

    Within its block they are kept now and then, and in any case at its end, whatever ends it.
    """

    def __init__(self, bucket: Bucket, path: str, ids: Sequence[str]) -> None:
        self._bucket, self._path = bucket, path
        self.rows = _before(bucket, path, ids)
        self._kept = len(self.rows)
        self._due = time.monotonic() + EVERY_SECONDS
        if self.rows:
            log.info("%d of %d are done already: %s", len(self.rows), len(ids), bucket.uri(path))

    def __enter__(self) -> SoFar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A store that was waited for in vain is not waited for once more.
        if not isinstance(error, StoreUnreachable):
            self._keep()

    def add(self, row: dict[str, Any]) -> None:
        """Add the row of the next item."""
        self.rows.append(row)
        if time.monotonic() >= self._due:
            self._keep()

    def _keep(self) -> None:
        if len(self.rows) == self._kept:
            return
        content = lines(self.rows)
        self._bucket.put(self._path, content)
        self._kept = len(self.rows)
        self._due = time.monotonic() + max(EVERY_SECONDS, len(content) / BYTES_PER_SECOND)


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return `rows` as lines of JSON."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def rows(content: bytes) -> list[dict[str, Any]]:
    """Return what `lines` made a text of. An answer may hold what a str takes for the end of a line; bytes do not."""
    return [json.loads(line) for line in content.splitlines()]


def _before(bucket: Bucket, path: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of an attempt before, up to the first that is not of the item whose turn it is."""
    try:
        found = zip(rows(bucket.read(path)), ids, strict=False)
        return [row for row, _ in takewhile(lambda pair: pair[0]["id"] == pair[1], found)]
    except PodError as error:
        if error.reason != "NoSuchObject":
            raise
    except (ValueError, LookupError, TypeError) as error:
        log.warning("%s cannot be read (%s): all is measured anew", bucket.uri(path), error)
    return []
