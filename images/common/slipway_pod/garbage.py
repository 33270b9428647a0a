"""What of the object store has nobody spoken of for long enough to delete it?

Nothing is deleted the first time that it is found, however short the grace: it is written down, and deleted when it
is still unmentioned `grace` later. So a ModelVersion that was deleted by mistake, or is made only after its artefact,
finds its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from slipway.api.base import StatusModel
from slipway.contract.garbage import InUse
from slipway.contract.parsed_rows import PARSED_ROWS
from slipway.contract.signature import BESIDE
from slipway_pod.store import Stored

Verdict = Literal["InUse", "Young", "Waiting", "Garbage"]

_BESIDE = "|".join(re.escape(suffix) for suffix in BESIDE)
_THINGS = re.compile(
    rf"(models/[0-9a-f]{{64}})(?:/|(?:{_BESIDE})$)|((?:checkpoints|{re.escape(PARSED_ROWS)})/[^/]+/[^/]+)/"
)
"""Models by digest, with what lies beside them, the checkpoints of a run, and the rows kept for a Dataset. Nothing else
is ever looked at."""


class Marks(StatusModel):
    """What was found unmentioned before, and since when."""

    since: dict[str, datetime] = {}


@dataclass(frozen=True)
class Thing:
    """An artefact, the checkpoints of a run, or rows kept for a Dataset: what is kept or deleted as a whole."""

    name: str
    """Below the store's prefix, for example `models/1f2e…`."""
    bytes: int
    modified: datetime
    """When the newest of its objects was written."""

    @property
    def digest(self) -> str:
        """Its digest, where it is an artefact that is named by it."""
        kind, _, name = self.name.partition("/")
        return f"sha256:{name}" if kind == "models" else ""

    @property
    def dataset(self) -> str:
        """The Dataset, as namespace/name, that it is kept for, where it is rows."""
        kind, _, name = self.name.partition("/")
        return name if kind == PARSED_ROWS else ""


@dataclass(frozen=True)
class Judged:
    """A thing, what becomes of it, and since when it is unmentioned."""

    thing: Thing
    verdict: Verdict
    since: datetime | None = None


def things(objects: Iterable[Stored], prefix: str) -> list[Thing]:
    """Return what `objects` below `prefix` are parts of, by name; what is none of ours is left out."""
    found: dict[str, Thing] = {}
    for stored in objects:
        name = owner(stored.key.removeprefix(prefix))
        if name is None:
            continue
        before = found.get(name, Thing(name, 0, stored.modified))
        found[name] = replace(before, bytes=before.bytes + stored.bytes, modified=max(before.modified, stored.modified))
    return [found[name] for name in sorted(found)]


def owner(key: str) -> str | None:
    """Return the name of the thing that object `key` (below the store's prefix) is a part of; None where it is none."""
    match = _THINGS.match(key)
    return (match[1] or match[2]) if match is not None else None


def judged(
    found: Iterable[Thing], root: str, in_use: InUse, marks: Marks, now: datetime, grace: timedelta
) -> Iterator[Judged]:
    """Yield what becomes of each thing below the address `root`."""
    digests, datasets = frozenset(in_use.digests), frozenset(in_use.datasets)
    # What was written since then may be mentioned by now, or will be: the list does not know.
    known = min(datetime.fromisoformat(at) for at in (in_use.read, in_use.unfinished_since) if at)
    for thing in found:
        if thing.digest in digests or thing.dataset in datasets or _mentioned(f"{root}{thing.name}/", in_use.uris):
            yield Judged(thing, "InUse")
        elif now - thing.modified < grace or thing.modified >= known:
            # It may be the result of a run that has yet to say so.
            yield Judged(thing, "Young")
        else:
            since = marks.since.get(thing.name)
            garbage = since is not None and now - since >= grace
            yield Judged(thing, "Garbage" if garbage else "Waiting", since or now)


def marked(found: Iterable[Judged]) -> Marks:
    """Return what is to be remembered for the next time: a thing that was mentioned in between begins anew."""
    return Marks(since={one.thing.name: one.since for one in found if one.since is not None})


def _mentioned(folder: str, uris: Iterable[str]) -> bool:
    """Tell whether one of `uris` is `folder`, lies in it, or has it inside."""
    return any(
        uri.startswith(folder) or folder.rstrip("/") == uri or (uri.endswith("/") and folder.startswith(uri))
        for uri in uris
    )


def table(found: Iterable[Judged], *, deleting: bool) -> Iterator[str]:
    """Yield the lines that people read: what is not in use, then a sum."""
    counts: Mapping[Verdict, list[int]] = {"InUse": [], "Young": [], "Waiting": [], "Garbage": []}
    for one in found:
        counts[one.verdict].append(one.thing.bytes)
        if one.since is not None:
            fate = "unmentioned" if one.verdict == "Waiting" else "deleted" if deleting else "would be deleted"
            yield (
                f"{fate:<17} {_size(one.thing.bytes):>10}  written {one.thing.modified:%Y-%m-%d}, "
                f"unmentioned since {one.since:%Y-%m-%d}  {one.thing.name}"
            )
    words = {"InUse": "in use", "Young": "too young", "Waiting": "unmentioned", "Garbage": "garbage"}
    yield "; ".join(f"{len(sizes)} {words[verdict]} ({_size(sum(sizes))})" for verdict, sizes in counts.items())


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
