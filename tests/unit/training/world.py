"""A store with a TrainingJob, its Dataset, and pods that train as told."""

from __future__ import annotations

from typing import Any

from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import Failed, Trained, encode
from slipway.settings import Settings
from slipway.training.room import Room
from tests.unit.worlds import NAMESPACE, SETTINGS, World, root

DIGEST = "sha256:" + "d" * 64
BASE = {"uri": "s3://slipway/models/base/", "digest": "sha256:" + "b" * 64}
SPEC: dict[str, Any] = {
    "model": "assistant",
    "version": "1.0.0",
    "dataset": {"name": "blueprints"},
    "baseModel": BASE,
    "recipe": {"causalLM": {"maxSteps": 8}},
    "export": ["SafeTensors", "GGUF"],
    "evaluation": {"metrics": [{"name": "loss", "measure": {"heldOutLoss": {}}}]},
}


def dataset(state: str = "Ready", *, generation: int = 1, message: str = "") -> dict[str, Any]:
    status: dict[str, Any] = {"state": state, "observedGeneration": 1, "message": message}
    if state == "Ready":
        status["artifact"] = {"uri": "s3://slipway/slipway/datasets/d/", "digest": DIGEST, "bytes": 10}
    meta = {"name": "blueprints", "namespace": NAMESPACE, "generation": generation}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "Dataset", "metadata": meta, "spec": {}, "status": status}


def trained(mark: str = "a", **more: Any) -> Trained:
    digest = mark * 64
    told = {
        "artifact": {"uri": f"s3://slipway/slipway/models/{digest}/", "digest": f"sha256:{digest}", "bytes": 5},
        "formats": ("SafeTensors", "GGUF"),
        "steps": 8,
        "validation_loss": "0.91",
        "parameters": {"rank": "16"},
    }
    return Trained(**(told | more))


def world(*, data: dict[str, Any] | None = None, settings: Settings = SETTINGS, **spec: Any) -> World:
    made = World(Room(settings), "assistant-v1", settings)
    made.put(root("TrainingJob", made.name, SPEC | spec))
    if data is not None:
        made.put(data)
    return made


def started(**spec: Any) -> World:
    made = world(data=dataset(), **spec)
    made.settle()
    return made


def running(**spec: Any) -> World:
    made = started(**spec)
    made.pod({"phase": "Running"}, "pod-1")
    made.settle()
    return made


def succeed(made: World, mark: str = "a", pod: str = "pod-1", **more: Any) -> None:
    made.end(ExitCode.OK, encode(trained(mark, **more)), "Completed", pod)
    made.finish("Complete")


def refuse(made: World, reason: str = "LossNotFinite", code: int = ExitCode.BAD_CONFIG) -> None:
    failed = Failed(reason=reason, message="the loss became NaN at step 3: lower learningRate", example="row-7")
    made.end(code, encode(failed), pod="pod-1")
    made.finish("Failed", "PodFailurePolicy")
