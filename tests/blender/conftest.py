"""What do the tests of the Blender image share? Its own Python, and the entry points as processes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.setup import blender
from slipway.contract.execution import REQUESTS, VERDICTS, Answered, Request, Task, Verdict, Verdicts
from slipway.contract.job import Evaluate, Store

ROOT = Path(__file__).parents[2]
STORE = Store(bucket="slipway")
DIGEST = "sha256:" + "0" * 64
MEMORY = "4Gi"


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has Blender, made if it is missing."""
    return blender.python_with_blender()


@dataclass(frozen=True)
class Ended:
    """How a run of the image's program ended."""

    code: int
    message: dict[str, Any] | None
    log: str


@dataclass(frozen=True)
class Container:
    """The image's program with a folder of its own, started as the pod starts it."""

    python: Path
    folder: Path
    cpu: str = "2"
    storage: str = "2Gi"

    def run(self, requests: Mapping[str, Request], memory: str = MEMORY) -> Ended:
        """Run it on `requests` and return how it ended."""
        waiting = self.folder / "exchange" / REQUESTS
        waiting.mkdir(parents=True, exist_ok=True)
        for key, request in requests.items():
            (waiting / f"{key}.json").write_text(request.model_dump_json(by_alias=True))
        (self.folder / "job.json").write_text(json.dumps(self.job(memory).dump()))
        said = self.folder / "termination"
        said.unlink(missing_ok=True)
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": blender.path(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONSAFEPATH": "1",
            "SLIPWAY_JOB": str(self.folder / "job.json"),
            "SLIPWAY_TERMINATION_LOG": str(said),
            "SLIPWAY_EXCHANGE": str(self.folder / "exchange"),
            "AWS_SECRET_ACCESS_KEY": "not-for-answers",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
        }
        command = [str(self.python), "-m", "slipway_eval_blender"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=scratch)
        message = json.loads(said.read_text()) if said.exists() else None
        return Ended(ran.returncode, message, ran.stderr)

    def job(self, memory: str) -> Evaluate:
        ref = {"uri": "s3://slipway/x/", "digest": DIGEST}
        metric = {"name": "solved", "measure": {"blenderExecution": {"tasks": ref}}}
        evaluation = {"metrics": [metric], "execution": {"cpu": self.cpu, "memory": memory, "storage": self.storage}}
        subject = {"name": "v1", "artifact": ref, "kind": "Model", "formats": ["GGUF"]}
        return Evaluate(namespace="tests", name="v1", store=STORE, subject=subject, data=ref, evaluation=evaluation)

    def verdicts(self, key: str) -> Verdicts:
        return Verdicts.model_validate_json((self.folder / "exchange" / VERDICTS / f"{key}.json").read_bytes())

    def judge(self, *answered: tuple[Task, str], seconds: int = 20) -> list[Verdict]:
        """Return the verdict of each answer."""
        request = Request(
            timeout_seconds=seconds, answered=tuple(Answered(task=task, answers=(said,)) for task, said in answered)
        )
        ended = self.run({"key": request})
        assert ended.code == 0, ended.log
        return [verdict for _, (verdict,) in self.verdicts("key").judged]


@pytest.fixture
def container(python: Path, tmp_path: Path) -> Container:
    return Container(python, tmp_path)


def task(id: str = "cube", **of: Any) -> Task:
    of.setdefault("expect", {"objects": [{"type": "MESH", "mesh": {"vertices": 8}}]})
    return Task.model_validate({"id": id, "prompt": "Add a cube.", **of})
