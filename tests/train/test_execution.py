"""The three containers of an evaluation that runs what the model writes, as processes: ask, execute, compare."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.setup import blender
from slipway.contract.execution import REQUESTS, Request
from slipway.contract.job import Evaluate, Subject
from slipway.contract.result import Evaluated, parse_result
from slipway_pod.artifact import publish, publish_at
from tests.train.conftest import SmolLM2, reference, write_dataset
from tests.train.runs import Bench
from tests.train.test_process import PACKAGES, REPOSITORY

TASKS: list[dict[str, Any]] = [
    {
        "id": f"cube-{at}",
        "prompt": "Add a cube.",
        "expect": {"objects": [{"type": "MESH", "mesh": {"vertices": 8}}]},
        "solution": "import bpy\nbpy.ops.mesh.primitive_cube_add()",
    }
    for at in range(3)
]


@pytest.fixture(scope="module")
def blenders_python() -> Path:
    return blender.python_with_blender()


@pytest.mark.timeout(600)
def test_answers_are_asked_run_and_counted(bench: Bench, smollm2: SmolLM2, blenders_python: Path) -> None:
    told = evaluation(bench, smollm2)
    (bench.folder / "scratch").mkdir()
    container(bench, told, sys.executable, "slipway_train_torch.evaluate.ask", PACKAGES)
    requests = sorted((bench.folder / "exchange" / REQUESTS).glob("*.json"))
    assert len(requests) == 2, "one of the version, one of its reference"
    asked = [Request.model_validate_json(path.read_bytes()) for path in requests]
    assert [len(one.answers) for request in asked for one in request.answered] == [2] * 6
    drawn_again(bench, told, requests[0])
    # As if the version had learnt it: half of its answers are right.
    learnt = [one.model_copy(update={"answers": (one.task.solution, one.answers[1])}) for one in asked[0].answered]
    requests[0].write_text(asked[0].model_copy(update={"answered": tuple(learnt)}).model_dump_json(by_alias=True))
    container(bench, told, str(blenders_python), "slipway_eval_blender", BLENDER_PACKAGES)
    container(bench, told, sys.executable, "slipway_train_torch.evaluate", PACKAGES)
    result = parse_result((bench.folder / "termination-log").read_text())
    assert isinstance(result, Evaluated)
    assert not list((bench.folder / "store").rglob("so-far.jsonl")), "the figures are complete"
    (metric,) = result.metrics
    assert metric.samples == 3
    assert {float(metric.value), float(metric.reference or 0)} == {0.0, 0.5}
    lines = (bench.folder / "store" / result.report.removeprefix("s3://")).read_text().splitlines()
    answers = json.loads(lines[1])["subject"]["answers"] + json.loads(lines[1])["reference"]["answers"]
    assert sum(answer["layer"] == "AsAsked" for answer in answers) == 1


def drawn_again(bench: Bench, told: Evaluate, request: Path) -> None:
    """Let a pod be killed after half of the answers in `request`: those that are then asked are the same."""
    before = request.read_bytes()
    (so_far,) = (bench.folder / "store").rglob(f"{request.stem}/so-far.jsonl")
    lines = so_far.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    so_far.write_bytes(b"".join(lines[:3]))
    container(bench, told, sys.executable, "slipway_train_torch.evaluate.ask", PACKAGES)
    assert request.read_bytes() == before


BLENDER_PACKAGES = ("operator", "images/common", "images/eval-blender")


def evaluation(bench: Bench, smollm2: SmolLM2) -> Evaluate:
    """Return the job that judges SmolLM2 as it is against SmolLM2 with other metadata."""
    weights, same = bench.folder / "weights", bench.folder / "same"
    for folder in (weights, same):
        folder.mkdir()
        shutil.copy(smollm2.file, folder / "model.gguf")
    (same / "model.json").write_text("{}")
    rows = [
        {"id": f"r{at}", "group": f"g{at}", "messages": [{"role": "user", "content": "?"},
         {"role": "assistant", "content": "!"}]} for at in range(2)
    ]  # fmt: skip
    data = write_dataset(bench.folder / "short", {"test": rows})
    (bench.folder / "tasks").mkdir()
    (bench.folder / "tasks" / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    tasks = publish_at(bench.folder / "tasks", "s3://slipway/tasks/", bench.store)
    metric = {"tasks": {"uri": tasks.uri, "digest": tasks.digest}, "samples": 2, "maxNewTokens": 16}
    models = [reference(publish(folder, "s3://slipway/slipway/models", bench.store)) for folder in (weights, same)]
    return Evaluate(
        namespace="tests",
        name="v1",
        store=bench.store,
        subject=Subject(name="v1", artifact=models[0], kind="Model", formats=("GGUF",)),
        reference=Subject(name="base", artifact=models[1], kind="Base", formats=()),
        data=reference(publish(data, "s3://slipway/slipway/datasets", bench.store)),
        evaluation={"metrics": [{"name": "solved", "measure": {"blenderExecution": metric}}]},
    )


def container(bench: Bench, job: Evaluate, python: str, module: str, packages: tuple[str, ...]) -> None:
    """Run one container's program to its end."""
    (bench.folder / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in packages),
        "SLIPWAY_JOB": str(bench.folder / "job.json"),
        "SLIPWAY_TERMINATION_LOG": str(bench.folder / "termination-log"),
        "SLIPWAY_EXCHANGE": str(bench.folder / "exchange"),
        "HOME": str(bench.folder),
        "TMPDIR": str(bench.folder / "scratch"),
        "OMP_NUM_THREADS": "1",
    }
    ran = subprocess.run([python, "-m", module], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
