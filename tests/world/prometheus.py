"""What does Prometheus know of the requests, and when?

Counters belong to containers, start again with them, and are seen only when they are scraped; queries are evaluated on
the samples that the scrapes left (promql.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from slipway.names import REVISION_LABEL, child_name
from slipway.plan import Answer, Ask, GatewayFeatures, PrometheusQuery, WebRequest
from slipway.rollout.analysis import votes
from slipway.rollout.shadow import MIRROR, PERCENTAGE
from tests.world import promql
from tests.world.measures import NO_QUERY
from tests.world.nodes import is_ready

if TYPE_CHECKING:
    from tests.world.world import World

SCRAPE_SECONDS = 2.0
LATEST_SECONDS = 0.9
"""Until what a scrape read is known: within delaySeconds, of which 1 is the default."""
VOTING = 0.5
"""Share of answers that users vote on, where votes are taken; each failed answer is a negative vote."""
BOUNDS = (50.0, 100.0, 150.0, 200.0, 400.0, 800.0)


@dataclass
class Behaviour:
    """How a version answers."""

    failing_percent: float = 0.0
    milliseconds: float = 90.0


@dataclass
class Counters:
    """What one container's sidecar has counted since it started."""

    revision: str
    since: float
    requests: float = 0.0
    scraped: float = 0.0
    """Of these requests, those that a scrape has seen."""
    failed: float = 0.0
    voted: float = 0.0
    voted_down: float = 0.0
    slow: dict[float, float] = field(default_factory=dict)


class Prometheus:
    """Requests, counters and scrapes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.up = True
        self.delay = 0.05
        self.requests_per_second = 60.0
        self.previews_per_second = 10.0
        self.behaves: dict[str, Behaviour] = {}
        """By version."""
        self.samples: promql.Samples = {}
        self.lost = 0.0
        """Requests that the gateway could send nowhere."""
        self.scraped: dict[str, float] = {}
        """By version: requests that scrapes saw. The others are lost with their container's counters."""
        self.users: dict[str, float] = {}
        """By version: requests of users, not to a preview."""
        self._counters: dict[str, Counters] = {}
        self._accounted = 0.0

    def start(self) -> None:
        """Begin to scrape."""
        self._world.after(SCRAPE_SECONDS, self._scrape)

    def takes(self, id: str) -> float:
        """Return how long the answer to a question takes."""
        return self.delay + self._world.chance.between(0.005, 0.4, "answer", id)

    def answer(self, ask: Ask) -> Answer:
        """Return what a question finds now."""
        world = self._world
        at = world.calendar()
        if isinstance(ask.question, GatewayFeatures):
            if world.gateway.mood == "Absent":
                return Answer(at, error="the Gateway does not exist: create it", refused=True)
            return Answer(at, tuple(({"feature": name}, 1.0) for name in (MIRROR, PERCENTAGE)))
        found = self._get(ask.question) if isinstance(ask.question, PrometheusQuery) else self._elsewhere(ask.question)
        if found.series:
            world.rules.answered(ask.id.partition("@")[0], at)
        return found

    def _get(self, question: PrometheusQuery) -> Answer:
        at = self._world.calendar()
        if not self.up:
            return Answer(at, error="connection refused")
        if question.query == NO_QUERY:
            return Answer(at, error="unclosed left parenthesis", refused=True)
        return Answer(at, tuple(promql.evaluate(question.query, self.samples, self._world.now)))

    def _elsewhere(self, question: object) -> Answer:
        assert isinstance(question, WebRequest)
        return self._world.sources.get(question)

    def failing_percent(self, revision: str) -> float:
        """Return how many of a hundred answers of a revision fail."""
        version = self._world.version_of(child_name(self._world.name, revision))
        return self.behaves.get(version, Behaviour()).failing_percent

    def account(self) -> None:
        """Count the requests since the last call; called before anything changes that they depend on."""
        world = self._world
        span, self._accounted = world.now - self._accounted, world.now
        if span <= 0:
            return
        for service, share in world.gateway.live.items():
            requests = self.requests_per_second * span * share / 100
            if requests:
                version = world.version_of(service)
                self.users[version] = self.users.get(version, 0.0) + requests
                self._serve(service, requests, VOTING if service in world.gateway.votes else 0.0)
        for service, share in world.gateway.copies.items():
            self._serve(service, self.requests_per_second * span * share / 100)
        for service, share in world.gateway.preview.items():
            requests = self.previews_per_second * span * share / 100
            if requests:
                self._serve(service, requests, VOTING if service in world.gateway.votes else 0.0)

    def _serve(self, service: str, requests: float, voting: float = 0.0) -> None:
        world = self._world
        pods = [pod for pod in world.nodes.pods(service) if is_ready(pod)]
        if not pods:
            self.lost += requests
            return
        for pod in pods:
            version = pod["metadata"]["labels"]["slipway.dev/version"]
            how = self.behaves.get(version, Behaviour())
            counters = self._of(pod)
            part = requests / len(pods)
            counters.requests += part
            counters.failed += part * how.failing_percent / 100
            counters.voted += part * voting
            counters.voted_down += part * voting * how.failing_percent / 100
            for bound in BOUNDS:
                if how.milliseconds <= bound:
                    counters.slow[bound] = counters.slow.get(bound, 0.0) + part

    def _of(self, pod: dict[str, Any]) -> Counters:
        name = pod["metadata"]["name"]
        if name not in self._counters:
            self._counters[name] = Counters(pod["metadata"]["labels"][REVISION_LABEL], self._world.now)
        return self._counters[name]

    def reset(self, pod: str) -> None:
        """Let a container's counters start again."""
        self._counters.pop(pod, None)

    def _scrape(self) -> None:
        """Read all counters. What is read is known a moment later, and bears the time at which it was read."""
        world = self._world
        world.after(SCRAPE_SECONDS, self._scrape)
        self.account()
        if not self.up:
            return
        read = []
        for pod in world.nodes.all():
            if is_ready(pod):
                self._note_scraped(pod)
                read.extend(self._series(pod["metadata"]["name"], self._of(pod)))
        at = world.now
        known = partial(promql.keep, self.samples, read, at)
        world.after(world.chance.between(0.0, LATEST_SECONDS, "scrape", at), known)

    def _note_scraped(self, pod: dict[str, Any]) -> None:
        version, counters = pod["metadata"]["labels"]["slipway.dev/version"], self._of(pod)
        self.scraped[version] = self.scraped.get(version, 0.0) + counters.requests - counters.scraped
        counters.scraped = counters.requests

    def _series(self, pod: str, counters: Counters) -> Iterator[tuple[promql.Key, float]]:
        world = self._world
        here = {"namespace": world.namespace, "rollout": world.name, "revision": counters.revision, "pod": pod}
        yield promql.key("envoy_server_uptime", here), float(int(world.now - counters.since))
        common = here | {"envoy_http_conn_manager_prefix": "serving"}
        failed, good = float(int(counters.failed)), float(int(counters.requests - counters.failed))
        for name, value in (("2", good), ("5", failed)):
            labels = {**common, "envoy_response_code_class": name}
            yield promql.key("envoy_http_downstream_rq_xx", labels), value
        yield promql.key("envoy_http_downstream_rq_tx_reset", common), 0.0
        if "feedback" in world.measured:
            down = float(int(counters.voted_down))
            for route, votes_there in (("up", float(int(counters.voted)) - down), ("down", down)):
                labels = {**here, **votes.HOST, votes.ROUTE: route}
                yield promql.key(votes.SERIES, labels), votes_there
        if "latency" in world.measured:
            for bound in (*BOUNDS, float("inf")):
                count = good + failed if bound == float("inf") else float(int(counters.slow.get(bound, 0.0)))
                labels = {**common, "le": "+Inf" if bound == float("inf") else f"{bound:g}"}
                yield promql.key("envoy_http_downstream_rq_time_bucket", labels), count
