"""Two pods of a real node learn what one learns: the same curve from the same batches, by JobSet and over gloo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
import pytest

from e2e.cluster import open_cluster
from e2e.cluster.base import Cluster
from e2e.demo import prompts
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios.manifests import API, NAMESPACE, ONE
from e2e.scenarios.stage import MODEL_URI, Stage
from slipway.api.trainingjob_status import TrainingJobStatus
from tests.apiserver.jobset.manager import CRD, jobset

PATIENCE = "--timeout=240s"
ROWS = [{"prompt": f"What is {n} and {n}?", "completion": f"It is {2 * n}."} for n in range(60)]
LONE, SHARED = "alone", "together"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with JobSet, our chart, a base model, and data."""
    found = open_cluster()
    with found.in_use("the test of several nodes"), fresh(out("nodes-tape.jsonl")).open("w") as file:
        found.up()
        with with_jobset(found, tmp_path_factory.mktemp("jobset")):
            stage = Stage(found, Tape(file))
            stage.build()
            try:
                apply(found, ours("Dataset", "few", data()))
                wait(found, "dataset/few", "Ready")
                yield found
            finally:
                stage.clear()


@contextmanager
def with_jobset(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Let the cluster have JobSet, before the operator looks for it, until the block ends."""
    with jobset(cluster.kubeconfig, folder):
        try:
            yield
        finally:
            cluster.kubectl("delete", "crd", CRD)


def ours(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def data() -> dict[str, Any]:
    """Return a Dataset of a few short rows."""
    text = "\n".join(map(json.dumps, ROWS))
    return {
        "source": {"inline": {"files": [{"name": "few.jsonl", "text": text}]}},
        "schema": "Completion",
        "steps": [{"parse": {"as": "JSONL"}}],
        "split": {"groupBy": "Row"},  # one file is one group, and three splits need more
    }


def training(cluster: Cluster, nodes: int) -> dict[str, Any]:
    """Return a run of four steps; what it learns does not depend on `nodes`."""
    digest = get(cluster, "modelversion", ONE)["spec"]["artifact"]["digest"]
    return {
        "model": "few",
        "dataset": {"name": "few"},
        "baseModel": {"uri": MODEL_URI, "digest": digest},
        "recipe": {"causalLM": {"maxSteps": 4, "batchSize": 4, "maxTokens": 64, "learningRate": "1e-3"}},
        "resources": {"nodes": nodes, "cpu": "500m", "memory": "3Gi", "storage": "4Gi"},
        "export": ["SafeTensors"],
        "seed": 1,
    }


def apply(cluster: Cluster, manifest: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


def wait(cluster: Cluster, target: str, condition: str) -> None:
    cluster.kubectl("-n", NAMESPACE, "wait", target, f"--for=condition={condition}", PATIENCE)


def get(cluster: Cluster, kind: str, name: str) -> dict[str, Any]:
    return dict(json.loads(cluster.kubectl("-n", NAMESPACE, "get", kind, name, "-o", "json")))


def trained(cluster: Cluster, name: str, nodes: int) -> list[dict[str, float]]:
    """Return the history of a run on `nodes` nodes."""
    apply(cluster, ours("TrainingJob", name, training(cluster, nodes)))
    wait(cluster, f"trainingjob/{name}", "Succeeded")
    status = TrainingJobStatus.model_validate(get(cluster, "trainingjob", name)["status"])
    assert status.restarts is None
    assert status.report is not None
    bucket, _, key = status.report.removeprefix("s3://").partition("/")
    with prompts.store(cluster, bucket, NAMESPACE) as store:
        text = bytes(obstore.get(store, f"{key.rpartition('/')[0]}/history.jsonl").bytes())
    return [json.loads(line) for line in text.splitlines()]


def curve(history: list[dict[str, float]]) -> list[float]:
    """Return everything measured on the way, in order."""
    return [line[name] for line in history for name in ("loss", "gradientNorm", "validationLoss") if name in line]


def test_two_pods_go_the_way_of_one(cluster: Cluster) -> None:
    alone, together = trained(cluster, LONE, 1), trained(cluster, SHARED, 2)
    assert len(curve(alone)) >= 8
    assert curve(together) == pytest.approx(curve(alone), rel=2e-3)
    label = f"slipway.dev/name={SHARED}"
    pods = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", label, "-o", "json"))["items"]
    assert sorted(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in pods) == ["0", "1"]
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
    assert in_jobsets(cluster) == [SHARED], "one pod needs no JobSet"


def in_jobsets(cluster: Cluster) -> list[str]:
    """Return the names of the TrainingJobs that have a JobSet."""
    found = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "jobsets", "-o", "json"))["items"]
    return [jobset["metadata"]["labels"]["slipway.dev/name"] for jobset in found]
