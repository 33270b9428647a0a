"""Which small runs are trained on the cluster, and what came of each?"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import obstore

from e2e.cluster.base import Cluster
from e2e.demo import prompts
from e2e.demo.tape import Tape
from e2e.scenarios.manifests import NAMESPACE, ONE, ours
from e2e.scenarios.play import Missed
from e2e.scenarios.stage import Stage
from slipway.api.trainingjob_status import ENDED, TrainingJobStatus
from slipway.contract.artifact import MANIFEST, ArtifactManifest
from slipway.contract.dataset import REPORT_DATA
from slipway.contract.model import HISTORY
from slipway.contract.training_report import TrainingReport
from slipway.names import KIND_LABEL, NAME_LABEL

DATA: Final = "few"
ROWS: Final = [{"prompt": f"What is {n} and {n}?", "completion": f"It is {2 * n}."} for n in range(60)]
POLL_SECONDS: Final = 0.2
POD_SECONDS: Final = 1.0
"""Between looks for a pod: each starts a kubectl, and on two cores the runs need them more."""
PATIENCE_SECONDS: Final = 240.0
STEPPED: Final = ("step", "loss", "learningRate", "gradientNorm")
MEASURED: Final = ("step", "validationLoss")
WEIGHTS: Final = "adapter/adapter_model.safetensors"

Line = Mapping[str, float]
Manifest = dict[str, Any]
Holds = Callable[[TrainingJobStatus], bool]


@dataclass(frozen=True)
class Result:
    """What a run has made, as it lies in the store."""

    status: TrainingJobStatus
    report: TrainingReport
    history: Sequence[Line]
    files: Mapping[str, str]
    """The sha256 of each file of its artefact, by path."""

    @property
    def steps(self) -> list[Line]:
        """What each step has figured, in the order in which they were done; nothing that depends on the clock."""
        return [{name: line[name] for name in STEPPED} for line in self.history if "loss" in line]

    @property
    def measurements(self) -> list[Line]:
        """What was measured on the validation split, after which step."""
        return [{name: line[name] for name in MEASURED} for line in self.history if "validationLoss" in line]

    @property
    def learned(self) -> tuple[object, ...]:
        """What a run must have in common with one of the same recipe, to the last bit."""
        return self.steps, self.measurements, self.files[WEIGHTS]


class Trainings:
    """Runs in the scenarios' namespace, each of the small base model on the same few rows."""

    def __init__(self, cluster: Cluster, tape: Tape) -> None:
        self.cluster, self.tape = cluster, tape

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the scenarios' namespace."""
        return self.cluster.kubectl("-n", NAMESPACE, *arguments, stdin=stdin)

    def prepare(self) -> None:
        """Make the Dataset."""
        text = "\n".join(map(json.dumps, ROWS))
        spec = {
            "source": {"inline": {"files": [{"name": "few.jsonl", "text": text}]}},
            "schema": "Completion",
            "steps": [{"parse": {"as": "JSONL"}}],
            "split": {"groupBy": "Row"},  # one file is one group, and three splits need more
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(ours("Dataset", DATA, spec)))
        ready = f"--timeout={PATIENCE_SECONDS:.0f}s"
        self.kubectl("wait", f"dataset/{DATA}", "--for=condition=Ready", ready)

    def start(
        self,
        name: str,
        recipe: Mapping[str, Any],
        *,
        nodes: int = 1,
        cpu: str = "500m",
        memory: str = "3Gi",
        **spec: Any,
    ) -> None:
        """Make a run. What it learns depends on `recipe` alone: up to one CPU it has one thread."""
        base = json.loads(self.kubectl("get", "modelversion", ONE, "-o", "json"))["spec"]["artifact"]
        made = {
            "model": DATA,
            "dataset": {"name": DATA},
            "baseModel": {"uri": base["uri"], "digest": base["digest"]},
            "recipe": {"causalLM": {"maxTokens": 64, "learningRate": "1e-3", **recipe}},
            "resources": {"nodes": nodes, "cpu": cpu, "memory": memory, "storage": "4Gi"},
            "export": ["SafeTensors"],
            "seed": 1,
            **spec,
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(ours("TrainingJob", name, made)))

    def status(self, name: str) -> TrainingJobStatus:
        """Return the newest status of a run."""
        found = self.tape.now("TrainingJob", name)
        return TrainingJobStatus.model_validate(found.status if found is not None else {})

    def states(self, name: str) -> list[str]:
        """Return the states that a run went through, in order."""
        seen = (sighting.status for sighting in self.tape.history("TrainingJob", name) if sighting.status)
        return [state for state, _ in itertools.groupby(str(status.get("state")) for status in seen)]

    def until(self, name: str, what: str, holds: Holds, seconds: float = PATIENCE_SECONDS) -> TrainingJobStatus:
        """Return the first status of a run that `holds`; raise Missed when it ends, or time does, before."""
        deadline = time.monotonic() + seconds
        while not holds(status := self.status(name)):
            if status.state in ENDED or time.monotonic() > deadline:
                raise Missed(f"{name}: not {what}: {status.state} after {status.restarts}: {status.message}")
            time.sleep(POLL_SECONDS)
        return status

    def pods(self, name: str) -> list[Manifest]:
        """Return the pods of a run."""
        label = f"{KIND_LABEL}=TrainingJob,{NAME_LABEL}={name}"
        return list(json.loads(self.kubectl("get", "pods", "-l", label, "-o", "json"))["items"])

    def running_pod(self, name: str, besides: Collection[str] = (), seconds: float = PATIENCE_SECONDS) -> str:
        """Return the pod that a run has, and that is none of `besides`, once it runs."""
        return self.running_pods(name, 1, besides, seconds)[0]

    def running_pods(
        self, name: str, nodes: int, besides: Collection[str] = (), seconds: float = PATIENCE_SECONDS
    ) -> list[str]:
        """Return the pods that a run has, in their order and without `besides`, once all of them run."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = {
                number_of(pod): str(pod["metadata"]["name"])
                for pod in self.pods(name)
                if pod["status"].get("phase") == "Running" and pod["metadata"]["name"] not in besides
            }
            if len(found) == nodes:
                return [found[number] for number in range(nodes)]
            time.sleep(POD_SECONDS)
        raise Missed(f"{name}: no {nodes} pods ran within {seconds:.0f} s: {self.status(name).message}")

    def result(self, name: str, seconds: float = PATIENCE_SECONDS) -> Result:
        """Return what a run has made, once it has succeeded."""
        status = self.until(name, "succeeded", lambda s: s.state == "Succeeded", seconds)
        assert status.artifact is not None
        assert status.report is not None
        folder, artefact = status.report.rpartition("/")[0], status.artifact.uri
        found = self.stored(artefact + MANIFEST, artefact + HISTORY, f"{folder}/{REPORT_DATA}")
        manifest = ArtifactManifest.model_validate_json(found[0])
        history = [json.loads(line) for line in found[1].splitlines()]
        report = TrainingReport.model_validate_json(found[2])
        return Result(status, report, history, {file.path: file.sha256 for file in manifest.files})

    def stored(self, *uris: str) -> list[bytes]:
        """Return what the store has at each of these addresses, all in one bucket."""
        bucket = uris[0].removeprefix("s3://").partition("/")[0]
        with prompts.store(self.cluster, bucket, NAMESPACE) as store:
            return [bytes(obstore.get(store, uri.removeprefix(f"s3://{bucket}/")).bytes()) for uri in uris]


def number_of(pod: Manifest) -> int:
    """Return which of the pods of its run `pod` is; one that is alone has no number."""
    return int(pod["metadata"]["labels"].get("batch.kubernetes.io/job-completion-index", "0"))


@contextmanager
def prepared(cluster: Cluster, tape: Tape) -> Iterator[Trainings]:
    """Let the cluster have Slipway, the base model and the data, until the block ends."""
    stage = Stage(cluster, tape)
    stage.build()
    try:
        trainings = Trainings(cluster, tape)
        trainings.prepare()
        yield trainings
    finally:
        stage.clear()
