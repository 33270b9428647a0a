"""What is a cluster with one Rollout in it, in virtual time?

Everything but time, the API connection and the network is the operator's own code. Nothing here sleeps, reads a clock
or draws a random number: the same seed and the same levers give the same history, write by write.
"""

from __future__ import annotations

import copy
import heapq
import pickle
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from slipway.api.rollout import RolloutStatus
from slipway.contract.job import Store
from slipway.rollout.room import Room
from slipway.settings import Images, Settings
from tests.unit.rollout.gateway import backends
from tests.world.apiserver import Live
from tests.world.chance import Chance
from tests.world.gateway import Gateway, weights
from tests.world.nodes import Nodes
from tests.world.operator import EPOCH, Answers, Operator
from tests.world.prometheus import Prometheus
from tests.world.rules import Rules
from tests.world.sources import Sources

DRAIN_SECONDS = 5
SETTINGS = Settings(
    images=Images(
        data="data:1", train_torch="train:1", eval_blender="blender:1", serve_llamacpp="engine:1", proxy="proxy:1"
    ),
    store=Store(endpoint="http://store:8333", bucket="slipway"),
    prometheus_url="http://prometheus:9090",
    drain_seconds=DRAIN_SECONDS,
)
API = "slipway.dev/v1alpha1"


class World:
    """The cluster. Its parts are the levers that tests and histories move."""

    namespace, name = "games", "assistant"

    def __init__(self, seed: int = 0, *, hold: int = 10, bake: int = 15, **spec: Any) -> None:
        self.now = 0.0
        self.clock_offset = 0.0
        self.clock_jumped_at = float("-inf")
        self.route_edited_at = float("-inf")
        self.chance = Chance(seed)
        self.cluster = Live()
        self.nodes = Nodes(self)
        self.gateway = Gateway(self)
        self.prometheus = Prometheus(self)
        self.sources = Sources(self)
        self.room = Room(SETTINGS)
        self.rules = Rules(self)
        self.trace: list[str] | None = None
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._generation = 0
        self._edits = 0
        self.spec = rollout_spec("v1", hold=hold, bake=bake) | spec
        self.measured = measured(self.spec)
        self.cluster.listeners += [self.nodes.heard, self.gateway.heard, self.sources.heard, self._collect]
        for version in ("v1", "v2", "v3"):
            self.set_version(version)
        self.create()
        self.prometheus.start()
        self._processes = 0
        self.boot()

    def boot(self) -> None:
        """Start the operator: one process that leads, one that stands by."""
        self.leader, self.standby = self._process(), self._process()
        self.leader.lead()

    def freeze(self) -> bytes:
        """Return everything but the operator's processes, to be thawed any number of times."""
        mine, listeners = self._events, self.cluster.listeners
        operators = (self.leader, self.standby)
        self._events = [e for e in mine if not isinstance(getattr(e[2], "__self__", None), Operator | Answers)]
        heapq.heapify(self._events)
        self.cluster.listeners = [heard for heard in listeners if not isinstance(heard.__self__, Operator)]  # type: ignore[attr-defined]
        del self.leader, self.standby
        frozen = pickle.dumps(self)
        self._events, self.cluster.listeners = mine, listeners
        self.leader, self.standby = operators
        return frozen

    @staticmethod
    def thaw(frozen: bytes, seed: int) -> World:
        """Return a frozen world with another seed and a newly started operator."""
        world: World = pickle.loads(frozen)
        world.chance = Chance(seed)
        world.boot()
        return world

    # Time

    def at(self, when: float, what: Callable[..., None], *args: Any) -> None:
        """Call `what` at virtual second `when`."""
        self._order += 1
        heapq.heappush(self._events, (max(when, self.now), self._order, what, args))

    def after(self, seconds: float, what: Callable[..., None], *args: Any) -> None:
        """Call `what` in `seconds`."""
        self.at(self.now + seconds, what, *args)

    def calendar(self) -> datetime:
        """Return what the operator's calendar shows."""
        return EPOCH + timedelta(seconds=self.now + self.clock_offset)

    def run(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.until(lambda: False, seconds, must=False)

    def until(self, done: Callable[[], bool], limit: float = 600.0, *, must: bool = True) -> None:
        """Let time pass until `done`, looked at after every event; fail after `limit` seconds."""
        end = self.now + limit
        while not done():
            if not self._events or self._events[0][0] > end:
                self.now = end
                self.prometheus.account()
                assert not must, f"not after {limit:g} s; {self.state}: {self.status.message}"
                return
            when, _, what, args = heapq.heappop(self._events)
            self.now = when
            what(*args)
            self.rules.look()

    def until_state(self, *states: str, limit: float = 600.0) -> None:
        """Let time pass until the Rollout is in one of `states`."""
        self.until(lambda: self.state in states, limit)

    def say(self, words: str) -> None:
        """Note what happens, for whoever reads a failed history."""
        if self.trace is not None:
            self.trace.append(f"{self.now:8.2f}  {words}")

    # What people do

    @property
    def root(self) -> dict[str, Any]:
        """The Rollout in the cluster; must not be changed."""
        return self.cluster.objects["Rollout", self.namespace, self.name]

    @property
    def exists(self) -> bool:
        """Tell whether the Rollout exists."""
        return self.find("Rollout", self.name) is not None

    def create(self) -> None:
        """Create the Rollout, a new one each time."""
        self._generation += 1
        meta = {"name": self.name, "namespace": self.namespace, "uid": f"uid-{self._generation}", "annotations": {}}
        self.cluster.put({"apiVersion": API, "kind": "Rollout", "metadata": meta, "spec": copy.deepcopy(self.spec)})

    def delete(self, within: float = 0.0) -> None:
        """Delete the Rollout, and with it what it owns: at once, or one by one in any order `within` some seconds."""
        self.cluster.garbage_collection = not within
        self.cluster.remove("Rollout", self.namespace, self.name)
        self.cluster.garbage_collection = True
        self.rules.forget()
        for kind, _, name in self.orphans():
            self.after(self.chance.between(0.0, within, "collected", kind, name), self._drop_orphan, kind, name)

    def orphans(self) -> list[tuple[str, str, str]]:
        """Return what belongs to a Rollout that is gone."""
        return [id for id, obj in self.cluster.objects.items() if self._is_orphan(obj)]

    def _collect(self, type: str, obj: dict[str, Any]) -> None:
        """Collect what is made for an owner that is gone, as the cluster's garbage collector does."""
        if type == "ADDED" and self._is_orphan(obj):
            self.after(1.0, self._drop, obj["kind"], obj["metadata"]["name"], obj["metadata"]["uid"])

    def _is_orphan(self, obj: dict[str, Any]) -> bool:
        owners = obj["metadata"].get("ownerReferences") or ()
        return bool(owners) and not any(self._is_there(owner["uid"]) for owner in owners)

    def _is_there(self, uid: str) -> bool:
        return self.exists and self.root["metadata"]["uid"] == uid

    def _drop(self, kind: str, name: str, uid: str) -> None:
        found = self.find(kind, name)
        if found is not None and found["metadata"]["uid"] == uid:
            self.cluster.remove(kind, self.namespace, name)

    def _drop_orphan(self, kind: str, name: str) -> None:
        found = self.find(kind, name)
        if found is not None and self._is_orphan(found):
            self.cluster.remove(kind, self.namespace, name)

    def edit(self, **spec: Any) -> None:
        """Replace fields of the spec."""
        self.spec = self.spec | copy.deepcopy(spec)
        self.measured = measured(self.spec)
        if self.exists:
            self.cluster.put({**self.root, "spec": copy.deepcopy(self.spec)})

    def want(self, version: str) -> None:
        """Name another version."""
        self.edit(version={"name": version})

    def scale(self, replicas: int) -> None:
        """Change the replicas, as a person or an autoscaler does."""
        self.edit(serving=self.spec["serving"] | {"replicas": replicas})

    def annotate(self, command: str, version: str) -> None:
        """Give a command that names `version`, unlike every one before."""
        self._edits += 1
        if self.exists:
            note = {f"slipway.dev/{command}": f"{version}@{self._edits}"}
            meta = {**self.root["metadata"], "annotations": self.root["metadata"]["annotations"] | note}
            self.cluster.put({**self.root, "metadata": meta})

    def set_version(self, name: str, state: str = "Ready", **spec: Any) -> None:
        """Let ModelVersion `name` exist in `state`."""
        self.cluster.put(model_version(self.namespace, name, state, **spec))

    def drop_version(self, name: str) -> None:
        """Delete a ModelVersion."""
        if self.find("ModelVersion", name) is not None:
            self.cluster.remove("ModelVersion", self.namespace, name)

    def edit_status(self, **changes: Any) -> None:
        """Change the status by hand; what is remembered there cannot be relied upon any more."""
        self.rules.forget()
        self.cluster.put({**self.root, "status": {**(self.root.get("status") or {}), **changes}})

    def wipe_status(self) -> None:
        """Take the whole status away."""
        self.rules.forget()
        self.cluster.put({**self.root, "status": {}})

    def edit_route(self, weight: int) -> None:
        """Give every backend of the route the same weight by hand."""
        route = self.gateway.route()
        if route is not None:
            self.route_edited_at = self.now
            route = copy.deepcopy(route)
            for rule in route["spec"]["rules"]:
                for ref in rule.get("backendRefs") or ():
                    ref["weight"] = weight
            self.cluster.put(route)

    # What happens to the operator

    def _process(self) -> Operator:
        self._processes += 1
        return Operator(self, f"operator-{self._processes}")

    def operator_died(self, operator: Operator, why: str) -> None:
        """Start another process, and let the standby lead once the Lease is free."""
        self.say(f"{operator.name} died: {why}")
        if operator is self.leader:
            gap = self.chance.between(0.1, 15.0, "lease", operator.name)
            self.leader, self.standby = self.standby, self._process()
            self.after(gap, self._take_over, self.leader)

    def _take_over(self, operator: Operator) -> None:
        if operator.alive and operator is self.leader and not operator.leads:
            self.say(f"{operator.name} leads")
            operator.lead()

    def crash(self, after_writes: int = 0) -> None:
        """Kill the leader, at once or after so many more writes."""
        if after_writes:
            self.leader.connection.crash_after = after_writes
        elif self.leader.alive:
            self.leader.die()
            self.operator_died(self.leader, "SIGKILL")

    def hand_over(self) -> None:
        """Take the Lease from the leader; it notices at its next write, and another leads at once."""
        if self.leader.leads:
            self.leader.leads = False
            old, self.leader = self.leader, self.standby
            self.standby = self._process()
            self.say(f"{old.name} lost the Lease, {self.leader.name} leads")
            self._take_over(self.leader)

    def watch_lag(self, operator: str, kind: str, version: str) -> float:
        """Return how late a change is heard of."""
        return self.chance.between(0.002, 0.6, "watch", operator, kind, version)

    def jump(self, seconds: float) -> None:
        """Set the operator's calendar forwards or back."""
        self.clock_offset += seconds
        self.clock_jumped_at = self.now

    # What can be seen

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object as it is in the cluster; must not be changed."""
        return self.cluster.objects.get((kind, self.namespace, name))

    @property
    def status(self) -> RolloutStatus:
        """The status in the cluster."""
        return RolloutStatus.model_validate((self.root if self.exists else {}).get("status") or {})

    @property
    def state(self) -> str:
        """The word for people."""
        return str(((self.root if self.exists else {}).get("status") or {}).get("state", ""))

    def routed(self) -> dict[str, int]:
        """Return the route's weights by version."""
        route = self.gateway.route()
        return {self.version_of(name): weight for name, weight in weights(route).items()} if route else {}

    def live(self) -> dict[str, int]:
        """Return what the gateway really sends to each version, in percent."""
        return {self.version_of(name): share for name, share in self.gateway.live.items() if share}

    def answers(self, bucket: str) -> str:
        """Return the version that answers the user in `bucket`."""
        route = self.gateway.route()
        assert route is not None
        [name] = [name for name, weight in backends(route, {"x-slipway-bucket": bucket}).items() if weight]
        return self.version_of(name)

    def replicas(self) -> dict[str, int]:
        """Return what each version's Deployment asks for."""
        return {self.version_of(d["metadata"]["name"]): d["spec"]["replicas"] for d in self.cluster.of("Deployment")}

    def version_of(self, service: str) -> str:
        """Return the version behind a Service."""
        found = self.find("Deployment", service)
        return str(found["spec"]["template"]["metadata"]["labels"]["slipway.dev/version"]) if found else service

    def pods_of(self, version: str) -> list[str]:
        """Return the names of a version's pods that are not on their way out."""
        pods = [p for p in self.nodes.all() if not p["metadata"].get("deletionTimestamp")]
        return sorted(p["metadata"]["name"] for p in pods if p["metadata"]["labels"]["slipway.dev/version"] == version)

    def reasons(self) -> list[str]:
        """Return the reasons of all events told so far."""
        return [event.reason for event in self.rules.events]


def measured(spec: Mapping[str, Any]) -> frozenset[str]:
    """Return the kinds of metrics in a spec, for Prometheus to scrape no more than somebody looks at."""
    return frozenset(key for metric in spec["analysis"]["metrics"] for key in metric)


def digest(text: str) -> str:
    """Return a digest for a name."""
    return "sha256:" + (text.encode().hex() * 64)[:64]


def model_version(namespace: str, name: str, state: str, **spec: Any) -> dict[str, Any]:
    """Return a ModelVersion."""
    artifact = {"uri": f"s3://models/{name}/", "digest": digest(name), "formats": ["SafeTensors", "GGUF"]}
    base = {"uri": "s3://models/base/", "digest": digest("base")}
    return {
        "apiVersion": API,
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": "assistant", "version": "1.0.0", "artifact": artifact, "baseModel": base} | spec,
        "status": {"state": state, "message": f"{name} is {state}"},
    }


def steps(*percents: int, hold: int = 10) -> dict[str, Any]:
    """Return a canary strategy."""
    return {"canary": {"steps": [{"percent": percent, "holdSeconds": hold} for percent in percents]}}


def rollout_spec(version: str, *, hold: int, bake: int) -> Mapping[str, Any]:
    """Return a spec that judges quickly."""
    return {
        "model": "assistant",
        "version": {"name": version},
        "serving": {"runtime": {"llamaCpp": {}}, "replicas": 2},
        "traffic": {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": ["assistant.example"]},
        "strategy": steps(10, 50, hold=hold),
        "analysis": {
            "intervalSeconds": 5,
            "windowSeconds": 20,
            "metrics": [{"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}}],
            "noData": {"afterSeconds": 30},
        },
        "bakeSeconds": bake,
        "progressDeadlineSeconds": 60,
    }
