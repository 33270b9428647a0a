"""A store with a Dataset in it, an engine's step on it, and Jobs that end as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Prepared, encode
from slipway.dataset.room import Room
from slipway.kube.store import Store
from slipway.names import UID_LABEL
from slipway.plan import Event, Facts, Plan
from slipway.settings import Images, Settings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMESPACE = "demo"
NAME = "blueprints"
UID = "uid-dataset-blueprints"
SETTINGS = Settings(
    images=Images(data="data@1", train_torch="train@1", serve_llamacpp="serve@1", proxy="proxy@1"),
    store={"endpoint": "http://store:8333", "bucket": "slipway"},
)
SPEC: dict[str, Any] = {
    "source": {"objectStore": {"uri": "s3://slipway/raw/"}},
    "schema": "Chat",
    "steps": [{"parse": {"as": "JSONL"}}],
}


def prepared(mark: str = "a") -> Prepared:
    digest = (mark * 64)[:64]
    uri = f"s3://slipway/slipway/datasets/{digest}/"
    return Prepared(
        artifact={"uri": uri, "digest": f"sha256:{digest}", "bytes": 1000},
        rows={"train": 80, "validation": 10, "test": 10, "rejected": 3, "duplicates": 2},
        report=f"{uri}report.jsonl",
    )


def refused(reason: str = "TooFewRows", **more: Any) -> Failed:
    return Failed(reason=reason, message="quality.minRows is 10: 3 rows kept", example="a.jsonl:1: bad", **more)


def dataset(**spec: Any) -> dict[str, Any]:
    meta = {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": 1}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "Dataset", "metadata": meta, "spec": SPEC | spec}


@dataclass
class World:
    """The store, the room, a clock, and what the engine would have written."""

    settings: Settings = SETTINGS
    store: Store = field(default_factory=Store)
    now: datetime = NOON
    writes: int = 0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.put(dataset())

    def put(self, obj: Mapping[str, Any]) -> None:
        self.writes += 1
        meta = {"uid": f"uid-{obj['kind']}-{obj['metadata']['name']}"} | dict(obj["metadata"])
        self.store.put({**obj, "metadata": meta | {"resourceVersion": str(self.writes)}})

    def remove(self, kind: str, name: str) -> None:
        self.writes += 1
        there = self.store.get(kind, NAMESPACE, name)
        assert there is not None
        self.store.discard(kind, NAMESPACE, name, there["metadata"]["uid"], self.writes)

    @property
    def root(self) -> Mapping[str, Any]:
        found = self.store.get("Dataset", NAMESPACE, NAME)
        assert found is not None
        return found

    @property
    def status(self) -> Mapping[str, Any]:
        return self.root.get("status") or {}

    def condition(self, kind: str) -> Mapping[str, Any]:
        return next((c for c in self.status["conditions"] if c["type"] == kind), {})

    @property
    def jobs(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.store.owned(UID, "Job")]

    @property
    def configs(self) -> list[str]:
        return [config["metadata"]["name"] for config in self.store.owned(UID, "ConfigMap")]

    def edit(self, **spec: Any) -> None:
        """Change the spec as a user does."""
        meta = dict(self.root["metadata"])
        self.put({**self.root, "metadata": meta | {"generation": meta["generation"] + 1}, "spec": SPEC | spec})

    def plan(self) -> Plan:
        return Room(self.settings).plan(self.root, self.store, Facts(), self.now)

    def step(self) -> Plan:
        """Do what the engine does with one key: status, children, deletions."""
        plan = self.plan()
        json.dumps(plan.status)
        if plan.status != self.status:
            self.put({**self.root, "status": plan.status})
            self.events.extend(plan.events)
        for child in plan.children:
            if self.store.get(child["kind"], NAMESPACE, child["metadata"]["name"]) is None:
                stamp = {"creationTimestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
                self.put({**child, "metadata": {**child["metadata"], **stamp}})
        kept = {(c["kind"], c["metadata"]["name"]) for c in plan.children} | plan.keep
        for child in self.store.owned(UID):
            owned = (child["kind"], child["metadata"]["name"])
            if child["kind"] in Room.owns and owned not in kept:
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

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def pod(self, status: Mapping[str, Any]) -> None:
        """Let a pod of the newest Job be as `status` says."""
        job = self.jobs[-1]
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        labels = {UID_LABEL: UID, "batch.kubernetes.io/job-name": job}
        meta = {"name": f"{job}-{self.writes}", "namespace": NAMESPACE, "labels": labels, "creationTimestamp": stamp}
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})

    def end(self, code: int, message: str, reason: str = "Error") -> None:
        """Let a pod of the newest Job end."""
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        terminated = {"exitCode": code, "message": message, "reason": reason, "finishedAt": stamp}
        phase = "Succeeded" if code == 0 else "Failed"
        self.pod({"phase": phase, "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}]})

    def job(self, condition: str, reason: str = "") -> None:
        """Let the newest Job be Complete or Failed."""
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {"type": condition, "status": "True", "reason": reason, "message": "so", "lastTransitionTime": stamp}
        there = self.store.get("Job", NAMESPACE, self.jobs[-1])
        assert there is not None
        self.put({**there, "status": {"conditions": [entry]}})

    def succeed(self, mark: str = "a") -> None:
        self.end(ExitCode.OK, encode(prepared(mark)), "Completed")
        self.job("Complete")

    def fail(
        self, result: Failed | None = None, code: int = ExitCode.BAD_DATA, reason: str = "PodFailurePolicy"
    ) -> None:
        self.end(code, encode(result or refused()))
        self.job("Failed", reason)
