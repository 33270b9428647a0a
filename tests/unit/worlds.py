"""A store with one root object in it, an engine's step on it, and Jobs whose pods do as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.kube.store import Store
from slipway.names import UID_LABEL
from slipway.plan import Event, Facts, Plan, Room

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMESPACE = "demo"


@dataclass
class World:
    """The store, the room, a clock, and what the engine would have written."""

    room: Room
    first: Mapping[str, Any]
    """The root as a user applies it, its uid included."""
    store: Store = field(default_factory=Store)
    now: datetime = NOON
    writes: int = 0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.put(self.first)

    @property
    def uid(self) -> str:
        return str(self.first["metadata"]["uid"])

    @property
    def root(self) -> Mapping[str, Any]:
        found = self.store.get(self.first["kind"], NAMESPACE, self.first["metadata"]["name"])
        assert found is not None
        return found

    @property
    def status(self) -> Mapping[str, Any]:
        return self.root.get("status") or {}

    @property
    def job(self) -> Mapping[str, Any]:
        """The newest Job."""
        return self.store.owned(self.uid, "Job")[-1]

    def names(self, kind: str) -> list[str]:
        return [child["metadata"]["name"] for child in self.store.owned(self.uid, kind)]

    def condition(self, kind: str) -> Mapping[str, Any]:
        return next((c for c in self.status["conditions"] if c["type"] == kind), {})

    # What others do

    def put(self, obj: Mapping[str, Any]) -> None:
        self.writes += 1
        meta = {"uid": f"uid-{obj['kind']}-{obj['metadata']['name']}"} | dict(obj["metadata"])
        self.store.put({**obj, "metadata": meta | {"resourceVersion": str(self.writes)}})

    def remove(self, kind: str, name: str) -> None:
        self.writes += 1
        there = self.store.get(kind, NAMESPACE, name)
        assert there is not None
        self.store.discard(kind, NAMESPACE, name, there["metadata"]["uid"], self.writes)

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec as a user does."""
        meta = dict(self.root["metadata"])
        changed = {**self.root["spec"], **spec}
        self.put({**self.root, "metadata": meta | {"generation": meta["generation"] + 1}, "spec": changed})

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def pod(self, status: Mapping[str, Any], name: str = "") -> str:
        """Let a pod of the newest Job be as `status` says; return its name."""
        job = self.job["metadata"]["name"]
        name = name or f"{job}-{self.writes}"
        labels = {UID_LABEL: self.uid, "batch.kubernetes.io/job-name": job}
        meta = {"name": name, "namespace": NAMESPACE, "labels": labels, "creationTimestamp": self._stamp()}
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})
        return name

    def end(self, code: int, message: str = "", reason: str = "Error", pod: str = "", *, evicted: bool = False) -> None:
        """Let a pod of the newest Job end."""
        terminated = {"exitCode": code, "message": message, "reason": reason, "finishedAt": self._stamp()}
        status: dict[str, Any] = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
        }
        if evicted:
            status["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        self.pod(status, pod)

    def finish(self, condition: str, reason: str = "") -> None:
        """Let the newest Job be Complete or Failed."""
        entry = {"type": condition, "status": "True", "reason": reason, "message": "so"}
        self.put({**self.job, "status": {"conditions": [entry | {"lastTransitionTime": self._stamp()}]}})

    # What the engine does

    def plan(self) -> Plan:
        return self.room.plan(self.root, self.store, Facts(), self.now)

    def step(self) -> Plan:
        """Do what the engine does with one key: status, children, deletions."""
        plan = self.plan()
        json.dumps(plan.status)
        progress = {"progress": self.status["progress"]} if "progress" in self.status else {}
        if plan.status | progress != self.status:
            self.put({**self.root, "status": plan.status | progress})
            self.events.extend(plan.events)
        for child in [*plan.children, *plan.unowned]:
            self._apply(child)
        kept = {(c["kind"], c["metadata"]["name"]) for c in plan.children} | plan.keep
        for child in self.store.owned(self.uid):
            owned = (child["kind"], child["metadata"]["name"])
            if child["kind"] in self.room.owns and owned not in kept:
                self.remove(*owned)
        return plan

    def settle(self) -> Plan:
        """Step until nothing changes any more; deciding must not go on for ever."""
        for _ in range(8):
            before = self.writes
            plan = self.step()
            if self.writes == before:
                return plan
        raise AssertionError("deciding does not come to rest")

    def _apply(self, child: Mapping[str, Any]) -> None:
        there = self.store.get(child["kind"], NAMESPACE, child["metadata"]["name"])
        if there is None:
            self.put({**child, "metadata": {"creationTimestamp": self._stamp(), **child["metadata"]}})
        elif there.get("spec") != child.get("spec"):
            changed = {k for k in child["spec"] if child["spec"][k] != there["spec"].get(k)}
            assert child["kind"] != "Job" or changed == {"suspend"}, f"Job fields {changed} are immutable"
            self.put({**there, "spec": child["spec"]})

    def _stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
