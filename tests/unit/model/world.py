"""A store with ModelVersions in it, and Jobs that evaluate as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Evaluated, Failed, encode
from slipway.model.room import Room
from tests.unit import worlds
from tests.unit.worlds import SETTINGS, root

MODEL = "assistant"


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


class World(worlds.World):
    """A world of ModelVersions; v1 is the one meant."""

    def __init__(self) -> None:
        super().__init__(Room(SETTINGS), "v1")

    def told(self, name: str = "") -> dict[str, Any]:
        """Return the job file that the newest plan carries."""
        config = next(child for child in self.plan(name).children if child["kind"] == "ConfigMap")
        return dict(json.loads(config["data"]["job.json"]))

    def report(self, result: Evaluated, name: str = "") -> None:
        self.end(ExitCode.OK, encode(result), "Completed", name=name)
        self.finish("Complete", name=name)

    def fail(self, code: int, reason: str = "Bad", message: str = "it is bad", name: str = "") -> None:
        self.end(code, encode(Failed(reason=reason, message=message)), name=name)
        self.finish("Failed", "PodFailurePolicy", name=name)


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
