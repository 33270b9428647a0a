"""Whatever ends its pods on a real node, a run comes to the bits of one that was left alone, and tells what befell it.

Runs of one recipe go at the same time: one is left alone, two are struck twice each, and of one the kernel kills the
program for the memory of its pod. More blows on one run would take minutes: after each, the Job controller waits twice
as long as before until it makes the next pod. Then the node of a fifth is drained, another one has a leak, and the last
one waits in a queue of the real Kueue, and has to give its place away.
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
from e2e.scenarios.kills import (
    Blow,
    Way,
    await_step,
    delete,
    delete_by_force,
    drained,
    drawn,
    evict,
    kill,
    starve,
    strayed,
    strike,
)
from e2e.scenarios.manifests import NAMESPACE
from e2e.scenarios.memory import leak, leaking, open_leak
from e2e.scenarios.trainings import Result, Trainings, prepared
from slipway.api.trainingjob_status import BatchLayout, Restarts
from slipway.contract.result import KILLED, Rung
from tests.apiserver.kueue import queues
from tests.apiserver.kueue.manager import NAMESPACE as KUEUE
from tests.apiserver.kueue.manager import kueue

STEPS, EVERY = 24, 4
RECIPE = {"maxSteps": STEPS, "batchSize": 6}
"""Three passes over some 48 rows, most of a second for each step."""
SAVED = {"everySteps": EVERY, "keep": 2}
EARLY, LATE = range(5, 9), range(10, 14)
"""Steps after which the first and the second blow fall: after the first checkpoint, and well before the end. From an
eviction to its SIGTERM pass up to two seconds.
"""
AT_A_TIME = 3
SECONDS = 420.0
"""For a run that is struck: it starts three times, beside two others, and waits 30 s for pods."""

Runs = Mapping[str, "Future[Result]"]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    """Runs on a cluster with Kueue. It goes last: without it, what it keeps of the namespace could not be deleted."""
    cluster = open_cluster()
    with cluster.in_use("the test of interruptions"), fresh(out("interruptions-tape.jsonl")).open("w") as file:
        cluster.up()
        with with_kueue(cluster, tmp_path_factory.mktemp("kueue")), prepared(cluster, Tape(file)) as found:
            yield found


@contextmanager
def with_kueue(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Let a cluster of ours have Kueue until the block ends."""
    if cluster.provider == "existing":
        yield
        return
    with kueue(cluster.kubeconfig, folder):
        try:
            yield
        finally:
            # Kueue lets a flavor go when no queue has it any more.
            cluster.kubectl("delete", "clusterqueues,resourceflavors", "--all", "--timeout=60s")
            crds = [name for name in cluster.kubectl("get", "crd", "-o", "name").split() if "kueue.x-k8s.io" in name]
            cluster.kubectl("delete", *crds, "--timeout=60s")
            cluster.kubectl("delete", "namespace", KUEUE, "--timeout=60s")


@pytest.fixture(scope="module")
def blows(trainings: Trainings) -> Mapping[str, Sequence[Blow]]:
    """What befalls which run, at moments that SLIPWAY_SEED draws."""
    chance = random.Random(int(os.environ.get("SLIPWAY_SEED", "5")))
    ways: dict[str, tuple[Way, ...]] = {"alone": (), "deleted": (delete_by_force, delete)}
    if isinstance(trainings.cluster, EmbeddedCluster):
        ways |= {"killed": (kill, evict), "starved": (starve,)}
    return {name: drawn(chosen, (EARLY, LATE), chance) for name, chosen in ways.items()}


@pytest.fixture(scope="module")
def runs(trainings: Trainings, blows: Mapping[str, Sequence[Blow]]) -> Runs:
    """The runs, at the same time; each is over or broken when this returns."""

    def performed(name: str) -> Result:
        trainings.start(name, RECIPE, cpu="250m", checkpoint=SAVED)
        strike(trainings, name, blows[name])
        return trainings.result(name, SECONDS)

    with ThreadPoolExecutor(AT_A_TIME, "run") as pool:
        return {name: pool.submit(performed, name) for name in blows}


@pytest.fixture(scope="module")
def alone(runs: Runs) -> Result:
    """The run that nobody struck."""
    return runs["alone"].result()


def test_a_run_that_is_left_alone_does_each_step_once(alone: Result) -> None:
    assert [line["step"] for line in alone.steps] == list(range(1, STEPS + 1))
    assert alone.status.restarts is None
    assert alone.report.restarts == ()


@pytest.mark.parametrize(
    ("name", "restarts"),
    [
        ("killed", Restarts(failed=1, preempted=1)),
        ("deleted", Restarts(failed=0, preempted=2)),
        ("starved", Restarts(failed=1, preempted=0)),
    ],
    ids=["killed", "deleted", "starved"],
)
def test_a_run_whose_pods_are_struck_ends_in_the_same_bits(
    trainings: Trainings,
    blows: Mapping[str, Sequence[Blow]],
    runs: Runs,
    alone: Result,
    name: str,
    restarts: Restarts,
) -> None:
    if name not in runs:
        pytest.skip(f"the processes of the {trainings.cluster.provider} cluster are not ours to kill")
    result = runs[name].result()
    assert strayed(result.report.restarts, blows[name], EVERY) == []
    assert result.learned == alone.learned
    assert result.status.restarts == restarts


def test_a_run_that_the_kernel_killed_for_memory_says_so_and_keeps_its_layout(trainings: Trainings, runs: Runs) -> None:
    if "starved" not in runs:
        pytest.skip(f"the kernel of the {trainings.cluster.provider} cluster is not ours to ask")
    result = runs["starved"].result()
    told = killed_for_memory(trainings, "starved")
    assert f"waits for its pod: {told}; trying again" in messages(trainings, "starved")
    # Its program held little of what it may: whatever else was in its pod, smaller pieces would not have helped.
    assert [restart.ended for restart in result.report.restarts] == [KILLED]
    assert result.report.rungs == ()


def test_a_run_that_grew_until_the_kernel_killed_it_goes_on_with_smaller_pieces(
    trainings: Trainings, alone: Result
) -> None:
    trainings.kubectl("apply", "-f", "-", stdin=json.dumps(leak()))
    trainings.start("leaking", RECIPE, cpu="250m", memory="2Gi", checkpoint=SAVED, pod=leaking())
    pod = trainings.running_pod("leaking")
    await_step(trainings.cluster, pod, EARLY.start)
    open_leak(trainings.cluster, pod)
    result = trainings.result("leaking")
    told = killed_for_memory(trainings, "leaking")
    assert f"waits for its pod: {told}; trying again" in messages(trainings, "leaking")
    assert result.status.restarts == Restarts(failed=1, preempted=0)
    (restart,) = result.report.restarts
    assert restart.ended == KILLED
    assert restart.step >= EARLY.start - EARLY.start % EVERY

    half = RECIPE["batchSize"] // 2
    assert result.report.rungs == (Rung(step=restart.step + 1, micro_batch=half, recompute=False, reason=KILLED),)
    assert result.status.layout == BatchLayout(micro_batch_size=half, recompute=False)
    # The same rows in each step, but for the order of sums from the first step with smaller pieces on.
    assert result.steps[: restart.step] == alone.steps[: restart.step]
    assert [line["step"] for line in result.steps] == [line["step"] for line in alone.steps]
    assert [line["loss"] for line in result.steps] == pytest.approx([line["loss"] for line in alone.steps], rel=1e-3)


def test_a_run_that_is_killed_for_memory_as_often_as_it_may_says_what_to_do(trainings: Trainings) -> None:
    trainings.kubectl("apply", "-f", "-", stdin=json.dumps(leak()))
    trainings.start("hopeless", RECIPE, cpu="250m", memory="2Gi", retries=0, pod=leaking())
    pod = trainings.running_pod("hopeless")
    await_step(trainings.cluster, pod, 1)
    open_leak(trainings.cluster, pod)
    status = trainings.until("hopeless", "failed", lambda status: status.state == "Failed")
    told = killed_for_memory(trainings, "hopeless")
    assert status.message.startswith(f"{told}; raise spec.resources.memory")
    assert {one.type: one.reason for one in status.conditions}["Succeeded"] == "OutOfMemory"
    assert status.restarts == Restarts(failed=1, preempted=0)
    assert len(trainings.pods("hopeless")) == 1


def killed_for_memory(trainings: Trainings, name: str) -> str:
    """Return what is to be told of the first pod of a run, once it is seen that the kernel killed it for memory."""
    first = min(trainings.pods(name), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    ended = first["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    return f"pod {first['metadata']['name']} was killed for memory (OOMKilled)"


def messages(trainings: Trainings, name: str) -> str:
    """Return everything that a run's status told, a line each."""
    sightings = trainings.tape.history("TrainingJob", name)
    return "\n".join(str(sighting.status.get("message")) for sighting in sightings)


def test_a_run_whose_node_is_drained_waits_for_it_and_ends_in_the_same_bits(
    trainings: Trainings, alone: Result
) -> None:
    trainings.start("drained", RECIPE, cpu="250m", checkpoint=SAVED)
    pod = trainings.running_pod("drained")
    await_step(trainings.cluster, pod, EARLY.start)
    with drained(trainings.cluster, pod):
        status = trainings.until("drained", "without a node", lambda s: "kubectl uncordon" in (s.message or ""))
        assert status.restarts == Restarts(preempted=1)
    result = trainings.result("drained")
    assert result.status.restarts == Restarts(preempted=1)
    (restart,) = result.report.restarts
    assert (restart.ended, restart.step) == ("Stopped", restart.reached)
    assert result.learned == alone.learned


def test_a_run_that_gives_its_place_in_a_queue_away_comes_back_and_ends_in_the_same_bits(
    trainings: Trainings, alone: Result
) -> None:
    if trainings.cluster.provider == "existing":
        pytest.skip("a cluster that somebody else runs gets no Kueue from us")
    for manifest in queues.queue(NAMESPACE, cpu="750m"):  # for one run, and for the one who verifies what it made
        trainings.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    low, high = (queues.place(NAMESPACE, level) for level in ("low", "high"))
    trainings.start("patient", RECIPE, checkpoint=SAVED, queue=low)
    pod = trainings.running_pod("patient")
    await_step(trainings.cluster, pod, 2)

    trainings.start("urgent", {"maxSteps": 2, "batchSize": 6}, queue=high)
    trainings.until("urgent", "running", lambda status: status.state == "Running")
    waiting = trainings.status("patient")
    assert waiting.state == "Queued"
    assert waiting.restarts == Restarts(preempted=1)
    assert trainings.result("urgent").status.restarts is None

    result = trainings.result("patient")
    assert trainings.states("patient")[:4] == ["Queued", "Running", "Queued", "Running"]
    assert result.status.restarts == Restarts(preempted=1)
    (restart,) = result.report.restarts
    assert (restart.ended, restart.step) == ("Stopped", restart.reached)
    assert 2 <= restart.step < STEPS
    assert result.learned == alone.learned
