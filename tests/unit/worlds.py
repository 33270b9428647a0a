"""A store with root objects in it, an engine's step on them, and Jobs whose pods do as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from slipway.kube.projection import controller_uid
from slipway.kube.store import Store
from slipway.names import UID_LABEL
from slipway.plan import Event, Facts, Plan, Room
from slipway.settings import Images, Settings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMESPACE = "demo"
SETTINGS = Settings(
    images=Images(
        data="data@1", train_torch="train@1", eval_blender="blender@1", serve_llamacpp="serve@1", proxy="proxy@1"
    ),
    store={"endpoint": "http://store:8333", "bucket": "slipway"},
    progress_url="http://progress:8090",
)


def root(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a root object as a user applies it, with what the apiserver adds."""
    meta = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{kind}-{name}".lower(), "generation": 1}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": dict(spec)}


@dataclass
class World:
    """The store, a room, a clock, and what the engine would have written. `name` is the root meant by default."""

    room: Room
    name: str
    settings: Settings = SETTINGS
    store: Store = field(default_factory=Store)
    now: datetime = NOON
    writes: int = 0
    events: list[Event] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    """What the world outside answers."""

    OTHERS: ClassVar = ("progress",)
    """Fields of status that another writer owns."""

    # What is there

    def get(self, kind: str, name: str) -> Mapping[str, Any]:
        found = self.store.get(kind, NAMESPACE, name)
        assert found is not None, f"no {kind} {name}"
        return found

    def root(self, name: str = "") -> Mapping[str, Any]:
        return self.get(self.room.kind, name or self.name)

    def uid(self, name: str = "") -> str:
        return str(self.root(name)["metadata"]["uid"])

    def status(self, name: str = "") -> Mapping[str, Any]:
        return self.root(name).get("status") or {}

    def condition(self, kind: str, name: str = "") -> Mapping[str, Any]:
        return next((c for c in self.status(name)["conditions"] if c["type"] == kind), {})

    def owned(self, kind: str, name: str = "") -> list[str]:
        return [child["metadata"]["name"] for child in self.store.owned(self.uid(name), kind)]

    def jobs(self, name: str = "") -> list[str]:
        return self.owned("Job", name)

    def newest_job(self, name: str = "") -> Mapping[str, Any]:
        return self.get("Job", self.jobs(name)[-1])

    # What others do

    def put(self, obj: Mapping[str, Any]) -> None:
        self.writes += 1
        meta = {"uid": f"uid-{obj['kind']}-{obj['metadata']['name']}"} | dict(obj["metadata"])
        self.store.put({**obj, "metadata": meta | {"resourceVersion": str(self.writes)}})

    def remove(self, kind: str, name: str) -> None:
        self.writes += 1
        self.store.discard(kind, NAMESPACE, name, self.get(kind, name)["metadata"]["uid"], self.writes)

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec as a user does."""
        before = self.root()
        meta = before["metadata"] | {"generation": before["metadata"]["generation"] + 1}
        self.put({**before, "metadata": meta, "spec": {**before["spec"], **spec}})

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def pod(self, status: Mapping[str, Any], pod: str = "", name: str = "") -> None:
        """Let a pod of the newest Job of root `name` be as `status` says."""
        made = self.newest_job(name)
        job = made["metadata"]["name"]
        template = (made.get("spec") or {}).get("template") or {}
        labels = {**((template.get("metadata") or {}).get("labels") or {}), UID_LABEL: self.uid(name)}
        labels |= {"batch.kubernetes.io/job-name": job}
        meta = {"name": pod or f"{job}-{self.writes}", "namespace": NAMESPACE, "labels": labels}
        there = self.store.get("Pod", NAMESPACE, meta["name"])
        meta |= {"creationTimestamp": there["metadata"]["creationTimestamp"] if there is not None else self.stamp()}
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})

    def waiting(self, reason: str, message: str = "", name: str = "") -> None:
        """Let a pod of the newest Job hang before its start."""
        state = {"waiting": {"reason": reason, "message": message}}
        self.pod({"phase": "Pending", "containerStatuses": [{"name": "main", "state": state}]}, name=name)

    def end(
        self,
        code: int,
        message: str = "",
        reason: str = "Error",
        pod: str = "",
        *,
        evicted: bool = False,
        exceeds: str = "",
        name: str = "",
    ) -> None:
        """Let a pod of the newest Job end; `exceeds` is what the kubelet says of one over its own limits."""
        terminated = {"exitCode": code, "message": message, "reason": reason, "finishedAt": self.stamp()}
        status: dict[str, Any] = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
        }
        if evicted:
            status["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        if exceeds:
            status |= {"reason": "Evicted", "message": exceeds}
        self.pod(status, pod, name)

    def finish(self, condition: str, reason: str = "", message: str = "so", name: str = "") -> None:
        """Let the newest Job be Complete or Failed."""
        entry = {"type": condition, "status": "True", "reason": reason, "message": message}
        entry |= {"lastTransitionTime": self.stamp()}
        self.put({**self.newest_job(name), "status": {"conditions": [entry]}})

    # What the engine does

    def plan(self, name: str = "") -> Plan:
        return self.room.plan(self.root(name), self.store, self.facts, self.now)

    def step(self, name: str = "") -> Plan:
        """Do what the engine does with one key: status, children, deletions, progress."""
        found, plan = self.root(name), self.plan(name)
        json.dumps(plan.status)
        if plan.settled:
            self._decides_the_same_again(found, plan)
        standing = {field: value for field, value in self.status(name).items() if field in self.OTHERS}
        if plan.status | standing != self.status(name):
            self.put({**found, "status": plan.status | standing})
            self.events.extend(plan.events)
        for child in [*plan.children, *plan.unowned]:
            self._apply(child)
        kept = {(c["kind"], c["metadata"]["name"]) for c in plan.children} | plan.keep
        for child in self.store.owned(found["metadata"]["uid"]):
            owned = (child["kind"], child["metadata"]["name"])
            ours = controller_uid(child) in (None, found["metadata"]["uid"])
            if child["kind"] in self.room.owns and owned not in kept and ours:
                self.remove(*owned)
        if plan.progress not in (None, self.status(name).get("progress")):
            self.put({**self.root(name), "status": {**self.status(name), "progress": plan.progress}})
        return plan

    def settle(self, name: str = "") -> Plan:
        """Step until nothing changes any more; deciding must not go on for ever."""
        for _ in range(8):
            before = self.writes
            plan = self.step(name)
            if self.writes == before:
                return plan
        raise AssertionError("deciding does not come to rest")

    def _decides_the_same_again(self, found: Mapping[str, Any], plan: Plan) -> None:
        asked = {ask.id for ask in plan.asks}
        answers = {id: answer for id, answer in self.facts.answers.items() if id in asked}
        again = self.room.plan({**found, "status": plan.status}, self.store, Facts(answers), self.now)
        assert replace(again, events=plan.events) == plan

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _apply(self, child: Mapping[str, Any]) -> None:
        there = self.store.get(child["kind"], NAMESPACE, child["metadata"]["name"])
        if there is None:
            self.put({**child, "metadata": {"creationTimestamp": self.stamp(), **child["metadata"]}})
        elif there.get("spec") != child.get("spec"):
            changed = {k for k in child["spec"] if child["spec"][k] != there["spec"].get(k)}
            assert child["kind"] != "Job" or changed == {"suspend"}, f"Job fields {changed} are immutable"
            self.put({**there, "spec": child["spec"]})
