"""What was seen of the cluster and of the traffic, in order?"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO


@dataclass(frozen=True)
class Sighting:
    """An object as a watch showed it. `body` holds metadata, spec and status; it is empty once the object is gone."""

    at: float
    kind: str
    name: str
    body: Mapping[str, Any]

    @property
    def gone(self) -> bool:
        """Whether the object was deleted."""
        return not self.body

    @property
    def uid(self) -> str:
        """The object's identity; a new object of the same name has another one."""
        return str(self.body.get("metadata", {}).get("uid", ""))

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's spec."""
        return self.body.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        """The object's status."""
        return self.body.get("status") or {}


@dataclass(frozen=True)
class Request:
    """One request of the traffic generator. `version` is who answered, by the sidecar's response header."""

    at: float
    version: str
    revision: str
    status: int
    seconds: float
    error: str = ""
    host: str = ""
    """Whom the user asked, where there is more than one Rollout to ask."""

    @property
    def failed(self) -> bool:
        """Whether the user got anything but an answer."""
        return not 200 <= self.status < 300


@dataclass(frozen=True)
class Mark:
    """A turn of the story, for people."""

    at: float
    text: str


Record = Sighting | Request | Mark
KINDS = {kind.__name__: kind for kind in (Sighting, Request, Mark)}


@dataclass
class Tape:
    """All records of one run, in memory and, line by line, in a file. Safe to add to from several threads."""

    file: TextIO | None = None
    sightings: list[Sighting] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    newest: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: Record) -> None:
        """Append a record; a sighting that shows nothing new is dropped."""
        with self.lock:
            match record:
                case Sighting():
                    before = self.newest.get((record.kind, record.name))
                    if before is not None and before.body == record.body:
                        return
                    self.newest[record.kind, record.name] = record
                    self.sightings.append(record)
                case Request():
                    self.requests.append(record)
                case Mark():
                    self.marks.append(record)
            if self.file is not None:
                line = {"type": type(record).__name__} | asdict(record)
                self.file.write(json.dumps(line, separators=(",", ":"), default=dict) + "\n")
                self.file.flush()

    def history(self, kind: str, name: str) -> Sequence[Sighting]:
        """Return every sighting of one object, oldest first."""
        return [s for s in tuple(self.sightings) if s.kind == kind and s.name == name]

    def of_kind(self, kind: str) -> Sequence[Sighting]:
        """Return every sighting of a kind, oldest first."""
        return [s for s in tuple(self.sightings) if s.kind == kind]

    def now(self, kind: str, name: str) -> Sighting | None:
        """Return the object as last seen, or None when it was never seen or is gone."""
        found = self.newest.get((kind, name))
        return None if found is None or found.gone else found

    def present(self, kind: str) -> Sequence[Sighting]:
        """Return the newest sighting of every object of a kind that is still there, by name."""
        with self.lock:
            found = [s for (k, _), s in self.newest.items() if k == kind and not s.gone]
        return sorted(found, key=lambda s: s.name)

    @property
    def begun(self) -> float:
        """When the first record was made."""
        firsts = [r[0].at for r in (self.sightings, self.requests, self.marks) if r]
        return min(firsts, default=0.0)

    @property
    def ended(self) -> float:
        """When the last record was made."""
        lasts = [r[-1].at for r in (self.sightings, self.requests, self.marks) if r]
        return max(lasts, default=0.0)


def read(path: Path) -> Tape:
    """Return the tape that an earlier run left in `path`."""
    tape = Tape()
    with path.open() as lines:
        for line in lines:
            fields = json.loads(line)
            tape.add(KINDS[fields.pop("type")](**fields))
    return tape
