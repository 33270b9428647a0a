"""With which numbers is the story short enough for a test? The example's YAML, a few numbers changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

STEPS = {"v1": 4, "v2": 20, "v3": 3}
FEW_ANSWERS = {"maxExamples": 2, "maxNewTokens": 200}
EXAMPLES = {
    "heldOutLoss": {"maxExamples": 8},
    "blueprintValidity": FEW_ANSWERS,
    "blueprintDistance": FEW_ANSWERS,
}
PROOFS = ("blueprint-validity", "blueprint-distance")
HOLD_SECONDS = 6
BAKE_SECONDS = 10


def copy(example: Path, target: Path) -> Path:
    """Copy the example's YAML to `target` with small numbers and return `target`.

    `target` must lie two folders below the repository, like the example, so that relative paths keep their meaning.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in sorted(example.glob("*.yaml")):
        documents = [shrunk(document) for document in yaml.safe_load_all(file.read_text())]
        # As JSON: a YAML writer leaves "1e-3" unquoted, and Go's reader takes it for a number.
        (target / file.name).write_text("---\n".join(json.dumps(document, indent=2) + "\n" for document in documents))
    return target


def shrunk(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with small numbers in it; the kinds without numbers stay as they are."""
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "TrainingJob":
            spec["recipe"]["causalLM"]["maxSteps"] = STEPS[manifest["metadata"]["name"].rpartition("-")[2]]
            spec["evaluation"] = _fewer(spec["evaluation"])
        case "ModelVersion":
            spec["evaluation"] = _fewer(spec["evaluation"])
        case "Rollout":
            for step in spec["strategy"]["canary"]["steps"]:
                step["holdSeconds"] = HOLD_SECONDS
            spec["bakeSeconds"] = BAKE_SECONDS
    return dict(manifest)


def _fewer(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    metrics = [
        metric | {"measure": {name: fields | EXAMPLES[name] for name, fields in metric["measure"].items()}}
        for metric in evaluation["metrics"]
    ]
    # So few steps and examples prove nothing about whole graphs.
    gates = [gate for gate in evaluation["gates"] if gate["metric"] not in PROOFS]
    return {**evaluation, "metrics": metrics, "gates": gates}
