"""What may a decision ask the engine to do?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

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
class SecretKey:
    """Names one value of a Secret. The value itself never travels through plans, status, events or logs."""

    name: str
    key: str


@dataclass(frozen=True)
class Access:
    """With which Secrets of a namespace a server is spoken to; read anew at each use."""

    namespace: str
    ca: SecretKey | None = None
    """PEM certificates that the server's is verified by, instead of the system's."""
    bearer: SecretKey | None = None
    basic: str = ""
    """A Secret with the keys username and password (type kubernetes.io/basic-auth); empty means none."""
    headers: tuple[tuple[str, SecretKey], ...] = ()

    def secrets(self) -> tuple[str, ...]:
        """Return the names of all Secrets it needs, each once."""
        keys = [self.ca, self.bearer, *(key for _, key in self.headers)]
        names = [key.name for key in keys if key is not None] + ([self.basic] if self.basic else [])
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Server:
    """A Prometheus that a root object names, and how it is spoken to."""

    url: str
    access: Access


@dataclass(frozen=True)
class PrometheusQuery:
    """An instant query."""

    query: str
    server: Server | None = None
    """None means the installation's."""
    timeout: float | None = None
    """Seconds; None means the installation's."""

    @property
    def lane(self) -> str:
        """The server that answers; the installation's has no name of its own."""
        return origin(self.server.url) if self.server is not None else ""


@dataclass(frozen=True)
class WebRequest:
    """A number in a JSON document."""

    url: str
    pointer: str
    """RFC 6901: where in the document the number stands; empty means that it is the document."""
    access: Access
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None

    @property
    def lane(self) -> str:
        """The server that answers."""
        return origin(self.url)


class AskedOfKubernetes:
    """A question that the apiserver answers."""

    @property
    def lane(self) -> str:
        """The server that answers."""
        return "kubernetes"


@dataclass(frozen=True)
class GatewayFeatures(AskedOfKubernetes):
    """What a Gateway's class says that it can: one series for each feature, with the label `feature`."""

    namespace: str
    name: str
    timeout: float | None = None


@dataclass(frozen=True)
class Draw:
    """The parameters of a search's next trial: the answer's message is a slipway.search.study.Drawn."""

    study: str
    """A slipway.search.study.Study, as JSON."""
    timeout: float | None = 120.0

    @property
    def lane(self) -> str:
        """Who answers."""
        return "the sampler"


@dataclass(frozen=True)
class Warnings(AskedOfKubernetes):
    """What was last wrong with an object: one series for each Warning event, with the labels `reason` and `message`.

    The value is when it was last seen, in seconds since 1970.
    """

    kind: str
    namespace: str
    name: str
    timeout: float | None = None


@dataclass(frozen=True)
class QueuePlace(AskedOfKubernetes):
    """Where a Job stands in its queue of Kueue: no series while Kueue has made no Workload of it, else one.

    The labels are `workload`, and `condition`, `reason` and `message` of what holds it; the value is its place, from 1,
    or 0 where Kueue does not tell.
    """

    namespace: str
    queue: str
    job_uid: str
    timeout: float | None = None


@dataclass(frozen=True)
class RatingFiles(AskedOfKubernetes):
    """Which ConfigMaps have ratings of a ModelVersion: one series for each, with the labels `name` and `version`."""

    namespace: str
    model_version: str
    timeout: float | None = None


Measurement = PrometheusQuery | WebRequest | GatewayFeatures | Warnings | QueuePlace | RatingFiles
"""Answered by series."""
Question = Measurement | Draw


def origin(url: str) -> str:
    """Return scheme, host and port of `url`, without anyone's credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


@dataclass(frozen=True)
class Ask:
    """A question whose answer lies outside the cluster's API, under an id that its answer bears too."""

    id: str
    question: Question
    at: datetime | None = field(default=None, compare=False)
    """When to ask, where that is not at once: so a root is looked at when its answer is there, and not before."""


@dataclass(frozen=True)
class Answer:
    """What came back: series values (label set → value), a verdict of the source's own, or an error in words."""

    at: datetime
    series: tuple[tuple[Mapping[str, str], float], ...] = ()
    error: str = ""
    refused: bool = False
    """The error lies in the question: it is not understood, or asks for what does not exist."""
    passed: bool | None = None
    message: str = ""
    """The source's own words."""


@dataclass(frozen=True)
class Plan:
    """What should be, as of now. Applying it twice changes nothing.

    The engine works in this order, and every write may be the last before a crash:
    children that go ahead, a last look at what deletions rest on, status (the intent), the other children in the order
    given, deletions, events, progress.
    """

    status: Manifest
    children: Sequence[Manifest] = ()
    """Everything the root should own, in the order of application. Owned objects not named here are deleted."""
    ahead: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of children that do not wait for the status, which itself may wait while others are as urgent. They
    must carry the intent themselves, so that whoever finds them before it, or after a crash, decides the same."""
    keep: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of owned objects that are left as they are: neither applied nor deleted."""
    rests_on: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of children that are read anew before anything is deleted. If one of them is not as it was seen, the
    plan is dropped and made again: whose watch is broken hears of nothing else."""
    progress: Manifest | None = None
    """What is left of the figures that a pod pushed, where some of them are no longer so; None leaves them as they are.
    """
    unowned: Sequence[Manifest] = ()
    """Objects to apply without an owner reference: they outlive the root (a ModelVersion outlives its TrainingJob)."""
    events: Sequence[Event] = ()
    asks: Sequence[Ask] = ()
    requeue_after: timedelta | None = None
    settled: bool = False
    """With the new status, and all else as it is, the same would be decided: nobody need look at what was just written.
    """


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

    def related(self, kind: str, namespace: str, relation: str) -> Sequence[Manifest]:
        """Return the roots of a kind and namespace that have `relation` (slipway.relations), sorted by name."""


class Room(Protocol):
    """A kind's room: everything the engine needs to know about one root kind."""

    kind: str
    owns: frozenset[str]
    """Kinds that its children have; owned objects of these kinds that a plan does not name are deleted."""

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        """Return what `root` should have at `now`. Pure, total and idempotent."""

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        """Return the roots of this kind to look at again because another root, of whatever kind, changed.

        `before` is what it was, where it neither came nor went.
        """
