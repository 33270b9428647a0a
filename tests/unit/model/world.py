"""A store with a ModelVersion in it, an engine's step on it, and Jobs that end as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Evaluated, Failed, encode
from slipway.kube.store import Store
from slipway.model.room import Room
from slipway.names import UID_LABEL
from slipway.plan import Event, Facts, Plan
from slipway.settings import Images, Settings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMESPACE = "demo"
MODEL = "assistant"
SETTINGS = Settings(
    images=Images(data="data@1", train_torch="train@1", serve_llamacpp="serve@1", proxy="proxy@1"),
    store={"endpoint": "http://store:8333", "bucket": "slipway"},
)


def digest(letter: str) -> str:
    return "sha256:" + (letter * 64)[:64]


EVALUATION: dict[str, Any] = {
    "metrics": [
        {"name": "loss", "measure": {"heldOutLoss": {"maxExamples": 32}}},
        {"name": "valid", "measure": {"blueprintValidity": {"maxExamples": 12}}},
    ],
    "gates": [{"name": "loss-not-worse", "metric": "loss", "minImprovement": "-0.05"}],
}


def version(name: str = "v1", mark: str = "a", **spec: Any) -> dict[str, Any]:
    base = {"uri": "s3://slipway/models/base/", "digest": digest("b")}
    data = {"uri": "s3://slipway/datasets/d/", "digest": digest("d")}
    artifact = {"uri": f"s3://slipway/models/{name}/", "digest": digest(mark), "formats": ["SafeTensors", "GGUF"]}
    whole = {
        "model": MODEL,
        "version": "1.0.0",
        "artifact": artifact,
        "baseModel": base,
        "evaluation": EVALUATION,
        "evaluationData": data,
    }
    return root("ModelVersion", name, {key: value for key, value in (whole | spec).items() if value is not None})


def by_hand(name: str = "v1", mark: str = "a") -> dict[str, Any]:
    return version(name, mark, evaluation=None, evaluationData=None)


def rollout(name: str = "live", stable: str = "", candidate: str = "", **marks: str) -> dict[str, Any]:
    def revision(of: str) -> dict[str, Any]:
        return {"revision": f"r-{of}", "version": of, "digest": digest(marks.get(of, "a"))}

    status: dict[str, Any] = {}
    if stable:
        status["stable"] = revision(stable)
    if candidate:
        status["candidate"] = revision(candidate) | {"since": "2026-11-20T12:00:00Z"}
    return root("Rollout", name, {"model": MODEL}) | {"status": status}


def root(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    meta = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{kind}-{name}".lower(), "generation": 1}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": dict(spec)}


def figures(
    loss: str = "0.50", reference: str | None = "0.52", bound: str | None = "0.01", mark: str = "a", **more: Any
) -> Evaluated:
    metrics = [
        {"name": "loss", "value": loss, "samples": 32},
        {"name": "valid", "value": "0.75", "samples": 12, "reference": "0.5", "improvement": "0.25"},
    ]
    if reference is not None:
        metrics[0] |= {
            "reference": reference,
            "improvement": f"{float(reference) - float(loss):.4g}".replace("inf", "1e999"),
        }
    bounds = {"loss": {"95": bound}} if bound is not None else {}
    return Evaluated(digest=digest(mark), metrics=metrics, lower_bounds=bounds, **more)


@dataclass
class World:
    """The store, the room, a clock, and what the engine would have written."""

    settings: Settings = SETTINGS
    store: Store = field(default_factory=Store)
    now: datetime = NOON
    writes: int = 0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.room = Room(self.settings)

    def put(self, obj: Mapping[str, Any]) -> None:
        self.writes += 1
        meta = {"uid": f"uid-{obj['kind']}-{obj['metadata']['name']}"} | dict(obj["metadata"])
        self.store.put({**obj, "metadata": meta | {"resourceVersion": str(self.writes)}})

    def remove(self, kind: str, name: str) -> None:
        self.writes += 1
        there = self.store.get(kind, NAMESPACE, name)
        assert there is not None
        self.store.discard(kind, NAMESPACE, name, there["metadata"]["uid"], self.writes)

    def get(self, kind: str, name: str) -> Mapping[str, Any]:
        found = self.store.get(kind, NAMESPACE, name)
        assert found is not None, f"no {kind} {name}"
        return found

    def status(self, name: str = "v1") -> Mapping[str, Any]:
        return self.get("ModelVersion", name).get("status") or {}

    def condition(self, kind: str, name: str = "v1") -> Mapping[str, Any]:
        return next((c for c in self.status(name)["conditions"] if c["type"] == kind), {})

    def step(self, name: str = "v1") -> Plan:
        """Do what the engine does with one key: status, children, deletions."""
        root = self.get("ModelVersion", name)
        plan = self.room.plan(root, self.store, Facts(), self.now)
        json.dumps(plan.status)
        if plan.status != root.get("status"):
            self.put({**root, "status": plan.status})
            self.events.extend(plan.events)
        for child in plan.children:
            if self.store.get(child["kind"], NAMESPACE, child["metadata"]["name"]) is None:
                stamp = {"creationTimestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
                self.put({**child, "metadata": {**child["metadata"], **stamp}})
        kept = {(c["kind"], c["metadata"]["name"]) for c in plan.children} | plan.keep
        for child in self.store.owned(root["metadata"]["uid"]):
            owned = (child["kind"], child["metadata"]["name"])
            if child["kind"] in self.room.owns and owned not in kept:
                self.remove(*owned)
        return plan

    def settle(self, name: str = "v1") -> Plan:
        """Step until nothing changes any more; deciding must not go on for ever."""
        for _ in range(8):
            before = self.writes
            plan = self.step(name)
            if self.writes == before:
                return plan
        raise AssertionError("deciding does not come to rest")

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def jobs(self, name: str = "v1") -> list[str]:
        uid = self.get("ModelVersion", name)["metadata"]["uid"]
        return [job["metadata"]["name"] for job in self.store.owned(uid, "Job")]

    def told(self, name: str = "v1") -> dict[str, Any]:
        """Return the job file that the newest plan carries."""
        root = self.get("ModelVersion", name)
        plan = self.room.plan(root, self.store, Facts(), self.now)
        config = next(child for child in plan.children if child["kind"] == "ConfigMap")
        return dict(json.loads(config["data"]["job.json"]))

    def pod(self, name: str, exit_code: int, message: str, reason: str = "Error") -> None:
        """Let a pod of version `name`'s Job end."""
        (job,) = self.jobs(name)
        uid = self.get("ModelVersion", name)["metadata"]["uid"]
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        terminated = {"exitCode": exit_code, "message": message, "reason": reason, "finishedAt": stamp}
        labels = {UID_LABEL: uid, "batch.kubernetes.io/job-name": job}
        meta = {"name": f"{job}-{self.writes}", "namespace": NAMESPACE, "labels": labels, "creationTimestamp": stamp}
        phase = "Succeeded" if exit_code == 0 else "Failed"
        statuses = [{"name": "main", "state": {"terminated": terminated}}]
        status = {"phase": phase, "containerStatuses": statuses}
        self.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})

    def job(self, name: str, condition: str, reason: str = "", message: str = "") -> None:
        """Let version `name`'s Job be Complete or Failed."""
        (job,) = self.jobs(name)
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {"type": condition, "status": "True", "reason": reason, "message": message, "lastTransitionTime": stamp}
        self.put({**self.get("Job", job), "status": {"conditions": [entry]}})

    def report(self, result: Evaluated, name: str = "v1") -> None:
        self.pod(name, ExitCode.OK, encode(result), reason="Completed")
        self.job(name, "Complete")

    def fail(self, code: int, reason: str = "Bad", message: str = "it is bad", name: str = "v1") -> None:
        self.pod(name, code, encode(Failed(reason=reason, message=message)))
        self.job(name, "Failed", "PodFailurePolicy")


def judged(result: Evaluated | None = None, *others: Mapping[str, Any]) -> World:
    """Return a world in which v1 has its verdict."""
    world = World()
    world.put(version())
    for other in others:
        world.put(other)
    world.settle()
    world.report(result or figures())
    world.settle()
    return world
