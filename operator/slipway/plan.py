"""What may a decision ask the engine to do?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, order=True)
class Key:
    """Names one root object."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Event:
    """A transition worth telling people; the engine records it once the status that shows it is written."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True)
class Ask:
    """A question whose answer lies outside the cluster's API, for example a Prometheus query."""

    id: str
    query: str


@dataclass(frozen=True)
class Answer:
    """What came back: series values (label set → value), or an error in words."""

    at: datetime
    series: tuple[tuple[Mapping[str, str], float], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What should be, as of now. Applying it twice changes nothing.

    The engine works in this order, and every write may be the last before a crash:
    status (the intent), children in the order given, deletions, events.
    """

    status: Manifest
    children: Sequence[Manifest] = ()
    """Everything the root should own, in the order of application. Owned objects not named here are deleted."""
    keep: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of owned objects that are left as they are: neither applied nor deleted."""
    unowned: Sequence[Manifest] = ()
    """Objects to apply without an owner reference: they outlive the root (a ModelVersion outlives its TrainingJob)."""
    events: Sequence[Event] = ()
    asks: Sequence[Ask] = ()
    requeue_after: timedelta | None = None


@dataclass(frozen=True)
class Facts:
    """Answers to the last plan's asks, by ask id; empty until they are there."""

    answers: Mapping[str, Answer] = field(default_factory=dict)


class View(Protocol):
    """The engine's store, as rooms may read it. Objects are projections: metadata, spec and status that matter."""

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one object, or None."""

    def owned(self, uid: str, kind: str | None = None) -> Sequence[Manifest]:
        """Return children and pods that carry the label slipway.dev/uid of root `uid`, sorted by kind and name."""

    def list(self, kind: str, namespace: str) -> Sequence[Manifest]:
        """Return all objects of a root kind in a namespace, sorted by name."""


class Room(Protocol):
    """A kind's room: everything the engine needs to know about one root kind."""

    kind: str
    owns: frozenset[str]
    """Kinds that its children have; owned objects of these kinds that a plan does not name are deleted."""

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""

    def wakes(self, changed: Manifest, view: View) -> Iterable[Key]:
        """Return the roots of this kind to look at again because a root of another kind changed."""
