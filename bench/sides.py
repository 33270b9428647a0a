"""What must a system be able to do so that a bench can drive it? Both are driven through the same few questions."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Protocol

from bench.api import Api, Object
from bench.ground import Ground
from bench.process import Child

PER_NAMESPACE = 100
STABLE, CANDIDATE = "stable", "candidate"
SHARE = 50
"""Percent of requests that a candidate has when it turns bad."""


def name_of(number: int) -> str:
    """Return the name of the Rollout with this number."""
    return f"r{number:05d}"


def space_of(number: int) -> str:
    """Return the namespace of the Rollout with this number."""
    return f"bench-{number // PER_NAMESPACE:03d}"


def host_of(number: int) -> str:
    """Return the host name of the Rollout with this number."""
    return f"{name_of(number)}.bench.example"


def spaces(count: int) -> list[str]:
    """Return the namespaces of the first `count` Rollouts."""
    return sorted({space_of(number) for number in range(count)})


@dataclass(frozen=True)
class Backends:
    """Where the pods' stand-ins answer requests."""

    address: str = "192.0.2.10"
    stable: int = 18081
    candidate: int = 18082
    image: str = ""
    """The image of real pods; where there is one, no stand-in is needed."""


@dataclass(frozen=True)
class Source:
    """Where a system finds its measurements: a JSON document by rollout, or a Prometheus."""

    url: str
    prometheus: bool
    interval_seconds: int = 1


@dataclass(frozen=True)
class Operator:
    """A running operator process."""

    child: Child
    metrics_port: int
    asked: tuple[str, ...] = ()
    """Metrics that a side reads, by name, where its operator can be asked so: what measures should disturb little."""

    def metrics(self) -> str:
        """Return its metrics as text; empty while it does not answer."""
        query = urllib.parse.urlencode([("name[]", name) for name in self.asked])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics?{query}", timeout=30) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""


class Side(Protocol):
    """One of the systems compared."""

    name: str
    limits: str
    """Its client limits, in words."""
    roots: str
    """Path of the collection of its Rollouts, in all namespaces."""
    routes: str
    """Path of the collection of what its gateway reads."""
    lease: str
    """Path of its Lease."""

    async def prepare(self, api: Api, count: int, source: Source, backends: Backends, versions: int = 2) -> None:
        """Create what users have before their Rollouts: definitions, namespaces, versions, Services."""

    def root(self, number: int) -> tuple[str, Object]:
        """Return the collection's path and the manifest of a Rollout."""

    def release(self, number: int, version: int) -> tuple[str, Object]:
        """Return the path and the merge patch that start a new version."""

    def parts(self, api: Api, backends: Backends, gateway: bool) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the parts of a cluster that are not there: kubelet, controllers and, without `gateway`, that too."""

    def operator(self, kubeconfig: Path, folder: Path, name: str) -> AbstractContextManager[Operator]:
        """Run its operator process as long as the block lasts."""

    async def rarely(self, ground: Ground) -> float:
        """Return the CPU seconds a minute of what an idle operator does too rarely to be waited for, once measured."""

    def answers_as(self, number: int, version: int) -> str:
        """Return what real pods of a version answer as."""

    def leads(self, lease: Object) -> bool:
        """Tell whether somebody holds the Lease."""

    def healthy(self, root: Object) -> bool:
        """Tell whether a Rollout is fully reconciled: its version serves everything."""

    def settled(self, root: Object) -> bool:
        """Tell whether a Rollout has returned from a bad version and could start another."""

    def share(self, route: Object) -> int:
        """Return the percent that a route gives to the candidate."""

    def route_of(self, route: Object) -> str:
        """Return the name of the Rollout that a route belongs to."""

    def verdicts(self) -> str:
        """Return the path of the collection in which verdicts appear."""

    def failed(self, one: Object) -> tuple[str, str] | None:
        """Return (Rollout, what identifies the verdict) if an object of `verdicts` says that a version failed."""

    def decided(self, text: str, count: int) -> bool:
        """Tell from an operator's metrics whether it has looked at `count` Rollouts and has nothing left to do."""

    def queue(self, text: str) -> dict[float, float]:
        """Return how long keys waited in its queue of Rollouts, as a cumulative histogram in seconds."""


_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text: str, name: str) -> Iterable[tuple[Mapping[str, str], float]]:
    """Yield labels and value of every sample of a metric in Prometheus' text format."""
    for line in text.splitlines():
        if line.startswith(name) and (found := _SAMPLE.match(line)) and found[1] == name:
            yield dict(_LABEL.findall(found[2] or "")), float(found[3])


def histogram(text: str, metric: str, **labels: str) -> dict[float, float]:
    """Return a cumulative histogram, summed over all series with these labels, by upper bound."""
    found: dict[float, float] = {}
    for has, value in samples(text, f"{metric}_bucket"):
        if labels.items() <= has.items():
            bound = inf if has["le"] == "+Inf" else float(has["le"])
            found[bound] = found.get(bound, 0.0) + value
    return found


def slice_of(service: str, space: str, labels: Mapping[str, str], address: str, port: int, pods: int) -> Object:
    """Return the EndpointSlice that ready pods would have."""
    endpoints = [
        {"addresses": [address], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": f"{service}-{n}"}}
        for n in range(pods)
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": space,
            "labels": {**labels, "kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
