"""Two pods of a real node learn what one learns, by JobSet and over gloo, and whatever ends one of them, the same bits.

First four steps of one pod are compared with those of two. Then there are three runs of two pods, two at a time. One is
left alone, and of each of the others one pod is struck three times: in one the first, where all meet and which writes.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.cluster import open_cluster
from e2e.cluster.base import Cluster
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios.kills import POLITE, Blow, Way, delete_by_force, drawn, kill, strayed, strike
from e2e.scenarios.trainings import Line, Result, Trainings, number_of, prepared
from slipway.api.trainingjob_status import Restarts
from tests.apiserver.jobset.manager import CRD, jobset

FOUR_STEPS = {"maxSteps": 4, "batchSize": 4}
LONE, SHARED = "alone", "together"

STEPS, EVERY = 60, 4
RECIPE = {"maxSteps": STEPS, "epochs": 8, "batchSize": 6}
"""Some seven passes over 48 rows, three rows of each step in each pod."""
SAVED = {"everySteps": EVERY, "keep": 2}
MOMENTS = (range(5, 9), range(20, 24), range(36, 40))
"""Steps after which the blows fall: after the first checkpoint, and long before the end and before each other. Where
pods share busy cores, a kubectl takes as long as ten steps.
"""
STRUCK = {"struck-second": 1, "struck-first": 0}
"""Which pod of which run is struck."""
UNDISTURBED = "undisturbed"
AT_A_TIME = 2
"""Four pods of 3 GiB: while the artefact is made, the first of a run has some two."""
SECONDS = 600.0
"""For a run that starts four times, beside another one, and waits ten seconds for each attempt."""

Runs = Mapping[str, "Future[Result]"]


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
    assert sorted(map(number_of, pods)) == [0, 1]
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
    assert in_jobsets(trainings) == [SHARED], "one pod needs no JobSet"


def in_jobsets(trainings: Trainings) -> list[str]:
    """Return the names of the TrainingJobs that have a JobSet."""
    found = json.loads(trainings.kubectl("get", "jobsets", "-o", "json"))["items"]
    return [jobset["metadata"]["labels"]["slipway.dev/name"] for jobset in found]


@pytest.fixture(scope="module")
def blows(trainings: Trainings) -> Mapping[str, Sequence[Blow]]:
    """What befalls which run, in an order and at moments that SLIPWAY_SEED draws."""
    chance = random.Random(int(os.environ.get("SLIPWAY_SEED", "5")))
    ours = isinstance(trainings.cluster, EmbeddedCluster)
    return {UNDISTURBED: ()} | {name: drawn(ways(chance, ours=ours), MOMENTS, chance) for name in STRUCK}


def ways(chance: random.Random, *, ours: bool) -> list[Way]:
    """Return each way in which a pod ends, once; a SIGKILL only where its processes are `ours`."""
    found = [delete_by_force, chance.choice(POLITE), *([kill] if ours else [])]
    return chance.sample(found, len(found))


@pytest.fixture(scope="module")
def runs(trainings: Trainings, blows: Mapping[str, Sequence[Blow]]) -> Runs:
    """The runs, two at a time; each is over or broken when this returns."""

    def performed(name: str) -> Result:
        trainings.start(name, RECIPE, nodes=2, cpu="250m", checkpoint=SAVED)
        strike(trainings, name, blows[name], nodes=2, number=STRUCK.get(name, 0))
        return trainings.result(name, SECONDS)

    with ThreadPoolExecutor(AT_A_TIME, "run") as pool:
        return {name: pool.submit(performed, name) for name in blows}


@pytest.fixture(scope="module")
def undisturbed(runs: Runs) -> Result:
    """The run of two pods that nobody struck."""
    return runs[UNDISTURBED].result()


def test_two_pods_that_are_left_alone_do_each_step_once(undisturbed: Result) -> None:
    assert [line["step"] for line in undisturbed.steps] == list(range(1, STEPS + 1))
    assert undisturbed.status.restarts is None
    assert undisturbed.report.restarts == ()


@pytest.mark.parametrize("name", STRUCK)
def test_two_pods_of_which_one_is_struck_go_on_together_and_end_in_the_same_bits(
    blows: Mapping[str, Sequence[Blow]], runs: Runs, undisturbed: Result, name: str
) -> None:
    result = runs[name].result()
    assert strayed(result.report.restarts, blows[name], EVERY) == []
    assert result.learned == undisturbed.learned
    killed = sum(blow.way is kill for blow in blows[name])
    assert result.status.restarts == Restarts(failed=killed, preempted=len(blows[name]) - killed)
