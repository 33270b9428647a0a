"""How does a cluster answer a Rollout, in virtual time?

A small pure model: deployments become pods, pods become endpoints, the gateway confirms routes, Prometheus counts. Each
of them does its part only when told to, so that a test (or hypothesis) decides what is late, broken or gone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.api.rollout import RolloutStatus
from slipway.contract.job import Store
from slipway.plan import Answer, Ask, Event, Facts, GatewayFeatures, Plan, PrometheusQuery, Question
from slipway.relations import relations
from slipway.rollout.analysis.evidence import AGAIN
from slipway.rollout.room import Room
from slipway.rollout.shadow import MIRROR, PERCENTAGE
from slipway.settings import Images, Settings
from tests.unit.rollout.gateway import backends, live
from tests.unit.rollout.promql import BOUNDS, counted, parts

NAMESPACE, ROLLOUT, UID = "games", "assistant", "0b5b1f0e-9c1d-4a55-8a8b-1f2e3d4c5b6a"
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SETTINGS = Settings(
    images=Images(
        data="data:1", train_torch="train:1", eval_blender="blender:1", serve_llamacpp="engine:1", proxy="proxy:1"
    ),
    store=Store(endpoint="http://store:8333", bucket="slipway"),
    prometheus_url="http://prometheus:9090",
    drain_seconds=10,
)
PREVIEW_SHARE = 10.0
"""Percent of a version's requests per second that testers send to a preview."""


@dataclass
class Behaviour:
    """How a version behaves under traffic."""

    failing_percent: float = 0.0
    milliseconds: float = 100.0
    requests_per_second: float = 50.0


def digest(text: str) -> str:
    return "sha256:" + (text.encode().hex() * 64)[:64]


def model_version(name: str, state: str = "Ready", **spec: Any) -> dict[str, Any]:
    artifact = {"uri": f"s3://models/{name}/", "digest": digest(name), "formats": ["SafeTensors", "GGUF"]}
    base = {"uri": "s3://models/base/", "digest": digest("base")}
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}"},
        "spec": {"model": "assistant", "version": "1.0.0", "artifact": artifact, "baseModel": base} | spec,
        "status": {"state": state, "message": f"{name} is {state}"},
    }


def rollout_spec(version: str, **changes: Any) -> dict[str, Any]:
    return {
        "model": "assistant",
        "version": {"name": version},
        "serving": {"runtime": {"llamaCpp": {}}, "replicas": 2},
        "traffic": {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": ["assistant.example"]},
        "strategy": {"canary": {"steps": [{"percent": 10, "holdSeconds": 30}, {"percent": 50, "holdSeconds": 30}]}},
        "analysis": {
            "intervalSeconds": 10,
            "windowSeconds": 60,
            "metrics": [{"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}}],
            "noData": {"afterSeconds": 60},
        },
        "bakeSeconds": 60,
        "progressDeadlineSeconds": 120,
    } | changes


@dataclass
class World:
    """The cluster. Public fields are the levers that tests move."""

    version: str = "v1"
    spec: dict[str, Any] = field(default_factory=dict)
    settings: Settings = SETTINGS

    def __post_init__(self) -> None:
        self.now = START
        self.versions = {name: model_version(name) for name in ("v1", "v2", "v3")}
        self.root: dict[str, Any] = {
            "apiVersion": "slipway.dev/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": ROLLOUT, "namespace": NAMESPACE, "uid": UID, "generation": 1, "annotations": {}},
            "spec": rollout_spec(self.version) | self.spec,
        }
        self.features = [MIRROR, PERCENTAGE]  # what the gateway's class says it can
        self.rivals: list[dict[str, Any]] = []  # other Rollouts of the namespace
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.pods: dict[str, list[dict[str, Any]]] = {}
        self.behaves: dict[str, Behaviour] = {}
        self.broken: dict[str, dict[str, Any]] = {}  # version → what the pods of this version cannot get over
        self.places: int | None = None  # pods that the nodes can hold, if they are few
        self.prometheus = True
        self.absent: set[str] = set()  # Gateways that do not exist
        self.live: dict[str, float] = {}  # what the gateway really sends where, by Service
        self.asked: Sequence[Ask] = ()
        self.facts = Facts()
        self.events: list[Event] = []
        self.writes = 0
        self.plan_made: Plan | None = None
        self.room = Room(self.settings)

    # What people do

    def want(self, version: str, **changes: Any) -> None:
        spec = self.root["spec"] | changes
        self.edit(spec | {"version": {"name": version}})

    def edit(self, spec: Mapping[str, Any]) -> None:
        if spec != self.root["spec"]:
            self.root["spec"] = copy.deepcopy(dict(spec))
            self.root["metadata"]["generation"] += 1

    def annotate(self, key: str, value: str) -> None:
        self.root["metadata"]["annotations"][key] = value

    # What the cluster does

    def kubelet(self) -> None:
        """Run the deployments' pods: each comes up ready unless its version is broken."""
        for name in [name for name in self.pods if ("Deployment", name) not in self.objects]:
            del self.pods[name]
        deployments = {name: obj for (kind, name), obj in self.objects.items() if kind == "Deployment"}
        for name, obj in deployments.items():
            del self.pods.setdefault(name, [])[obj["spec"]["replicas"] :]
        for name, obj in deployments.items():
            wanted, labels = obj["spec"]["replicas"], obj["spec"]["template"]["metadata"]["labels"]
            pods = self.pods[name]
            while len(pods) < wanted and (self.places is None or sum(map(len, self.pods.values())) < self.places):
                pods.append(_pod(f"{name}-{len(pods)}", labels))
            for pod in pods:
                broken = self.broken.get(labels["slipway.dev/version"])
                pod["status"] = broken if broken is not None else {"phase": "Running", "conditions": _ready()}

    def gateway(self, *, skip: str = "", refuse: str = "") -> None:
        """Take over every route as it is, and confirm it; not the one to skip, and not without complaint to refuse."""
        routes = [obj for (kind, name), obj in self.objects.items() if kind == "HTTPRoute" and name != skip]
        for route in routes:
            refused = route["metadata"]["name"] == refuse
            there = [ref for ref in route["spec"]["parentRefs"] if ref["name"] not in self.absent]
            route["status"] = {"parents": [_parent_status(route, ref, refused=refused) for ref in there]}
        named = {route["metadata"]["name"]: live(route) for route in routes if route["status"]["parents"]}
        if skip != ROLLOUT:
            self.live = dict(named.get(ROLLOUT, {}))
        for name, share in named.get(f"{ROLLOUT}-preview", {}).items():
            if share and not self.live.get(name):  # testers of the preview
                self.live[name] = PREVIEW_SHARE

    def scrape(self) -> None:
        """Answer what the last plan asked for now, and was not answered before."""
        known = self.facts.answers
        self.facts = Facts({ask.id: known.get(ask.id) or self._answer(ask.question) for ask in self.due})

    # What the engine does

    def reconcile(self) -> Plan:
        plan = self.room.plan(self.root, self, self.facts, self.now)
        known = self.facts.answers
        self.facts = Facts({ask.id: known[ask.id] for ask in plan.asks if ask.id in known})
        self._decides_the_same_again(plan)
        self.apply(plan)
        return plan

    def _decides_the_same_again(self, plan: Plan) -> None:
        if not plan.settled:
            return
        again = self.room.plan({**self.root, "status": plan.status}, self, self.facts, self.now)
        assert replace(again, events=plan.events, ahead=plan.ahead, asks=plan.asks) == plan
        asked, anew = ({ask.id.removesuffix(AGAIN) for ask in made.asks} for made in (plan, again))
        # A query that nobody could check is checked whenever the Rollout is looked at, and no sooner.
        assert {id for id in anew if not id.startswith("check@")} <= asked <= anew

    def apply(self, plan: Plan) -> None:
        self.plan_made, self.asked = plan, plan.asks
        if plan.status != self.root.get("status"):
            self.root["status"] = copy.deepcopy(dict(plan.status))
            self.writes += 1
            self.events.extend(plan.events)
        named = set(plan.keep)
        for child in plan.children:
            key = (child["kind"], child["metadata"]["name"])
            named.add(key)
            self._put(key, dict(child))
        for key in [key for key in self.objects if key not in named and key[0] in Room.owns]:
            del self.objects[key]
            self.writes += 1

    def tick(self) -> Plan:
        """Let everything work once, in the order in which it would: pods, gateway, Prometheus, operator."""
        self.kubelet()
        self.gateway()
        self.scrape()
        plan = self.reconcile()
        self.gateway()
        return plan

    def run(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.tick()
            self.now += timedelta(seconds=step)

    def run_unheard(self, seconds: int) -> None:
        """Let time pass in which the gateway's controller says nothing of what is written."""
        for _ in range(seconds):
            self.kubelet()
            self.scrape()
            self.reconcile()
            self.now += timedelta(seconds=1)

    def until(self, state: str, limit: int = 2000) -> None:
        for _ in range(limit):
            self.tick()
            if self.state == state:
                return
            self.now += timedelta(seconds=1)
        raise AssertionError(f"never {state}, but {self.state}: {self.status.message}")

    # What can be seen

    @property
    def due(self) -> Sequence[Ask]:
        """What the last plan asked, as far as its time has come."""
        return [ask for ask in self.asked if ask.at is None or ask.at <= self.now]

    @property
    def status(self) -> RolloutStatus:
        return RolloutStatus.model_validate(self.root.get("status") or {})

    @property
    def state(self) -> str:
        return self.status.state

    def routed(self) -> dict[str, int]:
        """Return the route's weights by version."""
        route = self.objects.get(("HTTPRoute", ROLLOUT))
        return {self.version_of(name): weight for name, weight in (backends(route) if route else {}).items()}

    def answers(self, **headers: str) -> str:
        """Return the version that answers every request with `headers` (dashes written as underscores)."""
        route = self.objects["HTTPRoute", ROLLOUT]
        weights = backends(route, {name.replace("_", "-"): value for name, value in headers.items()})
        [name] = [name for name, weight in weights.items() if weight]
        return self.version_of(name)

    def version_of(self, name: str) -> str:
        deployment = self.objects.get(("Deployment", name))
        return deployment["spec"]["template"]["metadata"]["labels"]["slipway.dev/version"] if deployment else name

    def replicas(self) -> dict[str, int]:
        return {
            self.version_of(name): obj["spec"]["replicas"]
            for (kind, name), obj in self.objects.items()
            if kind == "Deployment"
        }

    def ready(self, version: str) -> int:
        return sum(
            pod["status"].get("phase") == "Running" and pod["status"].get("conditions") == _ready()
            for name, pods in self.pods.items()
            for pod in pods
            if self.version_of(name) == version
        )

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    # View

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.versions.get(name) if kind == "ModelVersion" else None

    def related(self, kind: str, namespace: str, relation: str) -> Sequence[Mapping[str, Any]]:
        roots = (*self.rivals, self.root, *self.versions.values())
        return [root for root in roots if root["kind"] == kind and relation in relations(root)]

    def owned(self, uid: str, kind: str | None = None) -> Sequence[Mapping[str, Any]]:
        pods = [pod for pods in self.pods.values() for pod in pods]
        slices = [self._slice(name, obj) for (k, name), obj in self.objects.items() if k == "Service"]
        everything = [*self.objects.values(), *pods, *slices]
        return [obj for obj in everything if kind in (None, obj["kind"])]

    # Inside

    def _put(self, key: tuple[str, str], child: dict[str, Any]) -> None:
        old = self.objects.get(key)
        same = old is not None and old["spec" if "spec" in old else "data"] == child.get("spec", child.get("data"))
        if old is not None and same and old["metadata"].get("annotations") == child["metadata"].get("annotations"):
            return
        self.writes += 1
        generation = old["metadata"]["generation"] + (not same) if old else 1
        child = copy.deepcopy(child)
        child["metadata"]["generation"] = generation
        if old is not None and "status" in old:
            child["status"] = old["status"]
        self.objects[key] = child

    def _slice(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        endpoints = [
            {
                "conditions": {"ready": pod["status"].get("conditions") == _ready()},
                "targetRef": {"name": pod["metadata"]["name"]},
            }
            for pod in self.pods.get(name, ())
        ]
        meta = {"name": f"{name}-slice", "namespace": NAMESPACE, "labels": service["metadata"]["labels"]}
        return {"kind": "EndpointSlice", "metadata": meta, "endpoints": endpoints}

    def _answer(self, question: Question) -> Answer:
        if isinstance(question, GatewayFeatures) and question.name in self.absent:
            words = f"Gateway {question.namespace}/{question.name} does not exist: create it"
            return Answer(self.now, error=words, refused=True)
        if isinstance(question, GatewayFeatures):
            return Answer(self.now, tuple(({"feature": name}, 1.0) for name in self.features))
        assert isinstance(question, PrometheusQuery)
        query = question.query
        if not self.prometheus:
            return Answer(self.now, error="connection refused")
        asked = parts(query, self.now)
        if not asked:
            return Answer(self.now, (({}, float(query)),))
        series: list[tuple[dict[str, str], float]] = []
        for part in asked:
            name = f"{ROLLOUT}-{part.revision}"
            good = self.behaves.get(self.version_of(name), Behaviour())
            # What had traffic once and has none now had all of it.
            share = self.live.get(name, 0) or (100 if part.past and self.live else 0)
            rate = good.requests_per_second * share / 100
            seconds = (part.ends - part.begins).total_seconds()
            requests = counted({part.revision: rate}, part) if part.named else rate * seconds
            slower = [1.0 if bound < good.milliseconds else 0.0 for bound in BOUNDS]
            series += part.series(requests, good.failing_percent, dict(zip(BOUNDS, slower, strict=True)).__getitem__)
        return Answer(self.now, tuple(series))


def _pod(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    meta = {"name": name, "namespace": NAMESPACE, "labels": dict(labels)}
    return {"kind": "Pod", "metadata": meta, "status": {"phase": "Pending"}}


def _parent_status(route: Mapping[str, Any], ref: Mapping[str, Any], *, refused: bool) -> dict[str, Any]:
    generation = route["metadata"]["generation"]
    conditions = [
        {"type": kind, "status": "True", "reason": kind, "observedGeneration": generation}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    if refused:
        conditions[0] |= {"status": "False", "reason": "NoMatchingListenerHostname", "message": "no listener has it"}
    return {"parentRef": ref, "controllerName": "x/y", "conditions": conditions}


def _ready() -> list[dict[str, str]]:
    return [{"type": "Ready", "status": "True"}]


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the status of a pod whose engine waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {
        "phase": "Pending",
        "containerStatuses": [{"name": "engine", "ready": False, "restartCount": 0, "state": state}],
    }


def serving(version: str = "v1", **spec: Any) -> World:
    """Return a world in which `version` serves, healthy."""
    world = World(version, spec)
    world.until("Healthy")
    world.events.clear()
    return world


def canary(percent: int = 10, **spec: Any) -> World:
    """Return a world in which v2 has `percent` of the traffic beside v1, confirmed by the gateway."""
    world = serving(**spec)
    world.want("v2")
    for _ in range(500):
        world.tick()
        if world.status.percent == percent and world.status.step_started_at:
            world.events.clear()
            return world
        world.now += timedelta(seconds=1)
    raise AssertionError(f"v2 never reached {percent} %: {world.status.message}")


def baking(**spec: Any) -> World:
    """Return a world in which v2 bakes."""
    world = serving(**spec)
    world.want("v2")
    world.until("Baking")
    world.events.clear()
    return world
