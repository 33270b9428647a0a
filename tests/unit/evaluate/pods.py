"""A store with two models, data and tasks in it, and the pods that compare the models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slipway.api.common import ArtifactRef
from slipway.contract.job import Evaluate, Store, Subject
from slipway.contract.result import AnyResult, Evaluated, parse_result
from slipway_pod.artifact import publish
from tests.unit.data.preparing import BUCKET, Place
from tests.unit.evaluate.test_executed import lines, task
from tests.unit.evaluate.test_items import Item, choose, write
from tests.unit.evaluate.test_validity import node

REPOSITORY = Path(__file__).parents[3]
PACKAGES = ("operator", "images/common", "images/data", "images/train-torch")
EVALUATE, ASK = "slipway_train_torch.evaluate", "slipway_train_torch.evaluate.ask"
NUMBERS = {"maxExamples": 5, "maxNewTokens": 100}
METRICS: list[dict[str, Any]] = [
    {"name": "loss", "measure": {"heldOutLoss": {"maxExamples": 5}}},
    {"name": "valid", "measure": {"blueprintValidity": NUMBERS}},
    {"name": "near", "measure": {"blueprintDistance": NUMBERS}},
]
ITEMS = 20
"""Asked of models for METRICS: five of each for the loss and for the answers, which `near` shares with `valid`."""


@dataclass(frozen=True)
class Ended:
    """How a pod ended."""

    code: int
    result: AnyResult | None
    log: str


@dataclass
class Pods:
    """Pods that do one evaluation, each a process. What they share is the store, and what the test leaves them."""

    folder: Path
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.place = Place(self.folder / "store")

    def publish(self, name: str, files: Mapping[str, str]) -> ArtifactRef:
        folder = self.folder / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_text(content)
        return self._published(folder)

    def subjects(self) -> tuple[Subject, Subject]:
        """Return a version and the model that it is compared with."""
        version = self.publish("version", {"model.gguf": "version"})
        base = self.publish("base", {"model.gguf": "base"})
        return (
            Subject(name="v1", artifact=version, kind="Model", formats=("GGUF",)),
            Subject(name="base", artifact=base, kind="Base", formats=()),
        )

    def data(self) -> ArtifactRef:
        """Return a dataset of graphs. The longest question is asked first, and the rest has the room for it too."""
        order = choose((Item(f"row-{at}", f"g{at}") for at in range(7)), 7)
        items = [
            replace(item, messages=(("user", "Please! " * (7 - at) + "A knot."), ("assistant", node("A"))))
            for at, item in enumerate(order)
        ]
        folder = self.folder / "dataset"
        folder.mkdir()
        write(folder, items)
        shutil.copytree(folder / "test", folder / "train")
        return self._published(folder)

    def tasks(self) -> ArtifactRef:
        """Return four tasks for Blender."""
        folder = self.folder / "tasks"
        folder.mkdir()
        lines(folder, *(task(f"t{at}") for at in range(4)))
        return self._published(folder)

    def job(self, *metrics: Mapping[str, Any]) -> Evaluate:
        subject, reference = self.subjects()
        return Evaluate(
            namespace="demo",
            name="v1",
            store=self.place.store,
            subject=subject,
            reference=reference,
            data=self.data(),
            evaluation={"metrics": [*(metrics or METRICS)]},
        )

    def run(self, job: Evaluate, program: str = EVALUATE, store: Store | None = None, **told: object) -> Ended:
        """Run a pod to its end; `store` is the store as it sees it, `told` what engine.py is told."""
        told_job = job.model_copy(update={"store": store or self.place.store})
        (self.folder / "job.json").write_text(told_job.model_dump_json(by_alias=True, exclude_none=True))
        scratch, termination = self.folder / "scratch", self.folder / "termination-log"
        scratch.mkdir(exist_ok=True)
        termination.unlink(missing_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in PACKAGES),
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "SLIPWAY_JOB": str(self.folder / "job.json"),
            "SLIPWAY_TERMINATION_LOG": str(termination),
            "SLIPWAY_EXCHANGE": str(self.exchange),
            "TMPDIR": str(scratch),
            "ANSWERED": str(self.folder / "answered"),
            **{name: str(value) for name, value in told.items()},
        }
        command = [sys.executable, str(Path(__file__).with_name("engine.py")), program]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        result = parse_result(termination.read_text()) if termination.exists() else None
        if isinstance(result, Evaluated):  # where its report lies hangs on where the store lies
            result = result.model_copy(update={"report": result.report.rpartition("/")[2]})
        return Ended(ran.returncode, result, ran.stderr)

    @property
    def exchange(self) -> Path:
        """The folder that the containers of one pod share."""
        return self.folder / "exchange"

    @property
    def answered(self) -> list[str]:
        """What models have answered, in order, of all pods together."""
        file = self.folder / "answered"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def kept(self) -> dict[str, bytes]:
        """What lies in the store of evaluations; the report by its name alone."""
        root = self.folder / "store" / BUCKET / "slipway" / "evaluations"
        files = [path for path in root.rglob("*") if path.is_file()]
        return {p.name if p.name == "report.jsonl" else str(p.relative_to(root)): p.read_bytes() for p in files}

    def _published(self, folder: Path) -> ArtifactRef:
        made = publish(folder, f"s3://{BUCKET}/slipway/artefacts", self.place.store)
        return ArtifactRef(uri=made.uri, digest=made.digest)
