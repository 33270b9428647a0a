"""In which ways does a run's pod end before its time, and how is it met in the middle of its work?"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from kubernetes import client, config

from e2e.cluster.base import Cluster
from e2e.demo.tape import Mark
from e2e.scenarios import memory
from e2e.scenarios.manifests import NAMESPACE
from e2e.scenarios.sigkill import sigkill
from e2e.scenarios.trainings import Trainings
from slipway.contract.training_report import Restart
from slipway.jobs import JOB_NAME_LABEL

PROGRAM: Final = "slipway_train_torch.causal_lm"
TOLD: Final = re.compile(r"step (\d+) of \d+: loss")
"""What a pod says after each step (slipway_train_torch.causal_lm.recipe)."""
SILENCE_SECONDS: Final = 120
"""The longest that a pod says nothing, while others load their model on the same cores."""

Way = Callable[[Cluster, str], None]


def kill(cluster: Cluster, pod: str) -> None:
    """SIGKILL the program, as a node that is lost does; only where the node is this machine."""
    sigkill(cluster, NAMESPACE, pod, PROGRAM)


def starve(cluster: Cluster, pod: str) -> None:
    """Let something else in the pod take its memory, until the kernel kills the program; only where it is ours."""
    memory.starve(cluster, pod, PROGRAM)


def evict(cluster: Cluster, pod: str) -> None:
    """Ask for an eviction, as `kubectl drain` and autoscalers do."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def delete(cluster: Cluster, pod: str) -> None:
    """Delete the pod: SIGTERM, and its time of grace."""
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", pod, "--wait=false")


def delete_by_force(cluster: Cluster, pod: str) -> None:
    """Delete the pod without grace: SIGTERM, and a second later SIGKILL, whatever it is about."""
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


@contextmanager
def drained(cluster: Cluster, pod: str) -> Iterator[None]:
    """Drain the node of `pod` while the block runs, as before it is rebooted; only that pod has to leave it.

    On a node that is the only one, whoever drained all of it would take the store and the gateway from everybody.
    """
    own = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "json"))
    node, label = own["spec"]["nodeName"], f"{JOB_NAME_LABEL}={own['metadata']['labels'][JOB_NAME_LABEL]}"
    try:
        cluster.kubectl("drain", node, "--pod-selector", label, "--delete-emptydir-data", "--timeout=120s")
        yield
    finally:
        cluster.kubectl("uncordon", node)


POLITE: Final[tuple[Way, ...]] = (evict, delete)
"""Ways in which a pod has the time to save what it has done."""


@dataclass(frozen=True)
class Blow:
    """What befalls the pod that a run has, some seconds after it told of a step."""

    way: Way
    step: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.way.__name__} {self.seconds:.2f} s after step {self.step}"


def drawn(ways: Iterable[Way], moments: Iterable[Sequence[int]], chance: random.Random) -> list[Blow]:
    """Return a blow in each of `ways`, after a step that is drawn from those at its place in `moments`."""
    return [Blow(way, chance.choice(steps), chance.uniform(0, 1)) for way, steps in zip(ways, moments, strict=False)]


def strike(trainings: Trainings, name: str, blows: Iterable[Blow], nodes: int = 1, number: int = 0) -> None:
    """Let each of `blows` fall on a new pod `number` of the run, one after the other; return when the last one fell.

    Of several pods the first tells how far all are.
    """
    gone: set[str] = set()
    for blow in blows:
        pods = trainings.running_pods(name, nodes, besides=gone)
        await_step(trainings.cluster, pods[0], blow.step)
        time.sleep(blow.seconds)
        trainings.tape.add(Mark(time.time(), f"{name}: {blow}, pod {number}"))
        blow.way(trainings.cluster, pods[number])
        gone.update(pods)


def strayed(restarts: Sequence[Restart], blows: Sequence[Blow], every: int) -> list[str]:
    """Return what is wrong with where a run went on that saves itself `every` so many steps.

    Whoever begins anew each time comes to the same bits too.
    """
    if len(restarts) != len(blows):
        return [f"{len(blows)} blows, but it tells of {len(restarts)} restarts: {restarts}"]
    wrong = []
    for blow, restart in zip(blows, restarts, strict=True):
        polite = blow.way in POLITE
        if polite and (restart.ended, restart.step) != ("Stopped", restart.reached):
            wrong.append(f"{blow}: the pod had the time to save what it had done: {restart}")
        if restart.step < blow.step - (0 if polite else every):
            wrong.append(f"{blow}: there was a later checkpoint: {restart}")
    return wrong


def await_step(cluster: Cluster, pod: str, step: int) -> None:
    """Return as soon as a pod has told that it did `step` or a later one; raise LookupError when it ends before.

    Its log says so at once; what it pushes is two seconds old, and written as late again.
    """
    api = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]
    read: Callable[..., Any] = client.CoreV1Api(api).read_namespaced_pod_log
    timeouts = (10, SILENCE_SECONDS)  # to connect, and between two lines
    log = read(pod, NAMESPACE, follow=True, _preload_content=False, _request_timeout=timeouts)
    try:
        for line in log:
            told = TOLD.search(line.decode(errors="replace"))
            if told and int(told[1]) >= step:
                return
    finally:
        log.close()
    raise LookupError(f"pod {pod} ended before it told of step {step}")
