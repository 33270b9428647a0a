"""Two pods of a real node learn what one learns: the same curve from the same batches, by JobSet and over gloo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.cluster import open_cluster
from e2e.cluster.base import Cluster
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios.trainings import Line, Trainings, prepared
from tests.apiserver.jobset.manager import CRD, jobset

FOUR_STEPS = {"maxSteps": 4, "batchSize": 4}
LONE, SHARED = "alone", "together"


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    """Runs on a cluster with JobSet."""
    cluster = open_cluster()
    with cluster.in_use("the test of several nodes"), fresh(out("nodes-tape.jsonl")).open("w") as file:
        cluster.up()
        with with_jobset(cluster, tmp_path_factory.mktemp("jobset")), prepared(cluster, Tape(file)) as found:
            yield found


@contextmanager
def with_jobset(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Let the cluster have JobSet, before the operator looks for it, until the block ends."""
    with jobset(cluster.kubeconfig, folder):
        try:
            yield
        finally:
            cluster.kubectl("delete", "crd", CRD)


def trained(trainings: Trainings, name: str, nodes: int) -> Sequence[Line]:
    """Return the history of a run on `nodes` nodes."""
    trainings.start(name, FOUR_STEPS, nodes=nodes)
    result = trainings.result(name)
    assert result.status.restarts is None
    return result.history


def curve(history: Sequence[Line]) -> list[float]:
    """Return everything measured on the way, in order."""
    return [line[name] for line in history for name in ("loss", "gradientNorm", "validationLoss") if name in line]


def test_two_pods_go_the_way_of_one(trainings: Trainings) -> None:
    alone, together = trained(trainings, LONE, 1), trained(trainings, SHARED, 2)
    assert len(curve(alone)) >= 8
    assert curve(together) == pytest.approx(curve(alone), rel=2e-3)
    pods = trainings.pods(SHARED)
    assert sorted(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in pods) == ["0", "1"]
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
    assert in_jobsets(trainings) == [SHARED], "one pod needs no JobSet"


def in_jobsets(trainings: Trainings) -> list[str]:
    """Return the names of the TrainingJobs that have a JobSet."""
    found = json.loads(trainings.kubectl("get", "jobsets", "-o", "json"))["items"]
    return [jobset["metadata"]["labels"]["slipway.dev/name"] for jobset in found]
