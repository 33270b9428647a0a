"""What may happen to the control plane in the middle of a release? Users must not notice, and the release goes on."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from e2e.cluster.addons import MONITORING_NAMESPACE
from e2e.cluster.base import Cluster
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.scenarios import canaries, operators
from e2e.scenarios.manifests import FIRST, HOLD_SECONDS, NEXT
from e2e.scenarios.play import Holds, Missed, Play, at, healthy
from slipway.api.rollout import RolloutStatus

SILENCE_SECONDS = 15
"""spec.analysis.noData.afterSeconds while Prometheus is away."""
OUTAGE_SECONDS = 120
"""How long it is away: eight times as long as silence is borne."""
TAKEOVER_SECONDS = 60
"""So long everything may be late where a leader was killed: the Lease runs out, another one lists and decides."""
PROMETHEUS = ("-n", MONITORING_NAMESPACE)
SEED = int(os.environ.get("SLIPWAY_SEED", "4"))
"""It draws the moments at which a leader ends."""
Way = Callable[[Play], None]


def operator_killed(play: Play, seed: int = SEED) -> None:
    """The leader is killed at a random moment of each stage of a release; in the bake, all replicas are."""
    chance = random.Random(seed)

    def kill_after(what: str, holds: Holds, everyone: bool = False) -> None:
        play.until(what, holds)
        time.sleep(chance.uniform(0, HOLD_SECONDS / 2))
        _kill(play, operators.pods(play.cluster) if everyone else [operators.leader(play.cluster)])

    play.serve(FIRST)
    play.apply(NEXT)
    kill_after("its pods start", lambda s: s.candidate is not None)
    kill_after("at its first share", at(20))
    kill_after("in its bake", lambda s: s.bake_started_at is not None, everyone=True)
    play.until("promoted all the same", healthy)


def leader_swapped(play: Play) -> None:
    """The leader's pod goes the polite way in the middle of a step, as in every upgrade of the operator."""
    play.serve(FIRST)
    play.apply(NEXT)
    play.arrive(20)
    swap(play)
    play.until("promoted by another leader", healthy)


def kill(play: Play) -> None:
    """Let the leader die without a word."""
    _kill(play, [operators.leader(play.cluster)])


def swap(play: Play) -> None:
    """Let the leader go the polite way: another one takes its place at once."""
    before = operators.holder(play.cluster)
    play.mark(f"evict {before}")
    operators.evict(play.cluster, before.partition("_")[0])
    play.mark(f"{operators.await_another(play.cluster, before)} leads")


STRUCK = (canaries.roll_back, canaries.abort, canaries.supersede, canaries.switch_and_return)
"""In whose turns a leader ends."""
WAYS: Sequence[Way] = (kill, swap)


def struck(play: Play, scenario: Callable[[Play], None], seed: int = SEED) -> None:
    """Perform one of STRUCK; in each of its turns the leader ends at a random moment, one way after the other.

    Which way comes first depends on the scenario and the seed.
    """
    first = STRUCK.index(scenario) + seed
    ways = itertools.islice(itertools.cycle(WAYS), first % len(WAYS), None)
    play.turn = Blows(play, random.Random(f"{seed} {scenario.__name__}"), ways).turn
    play.grace = TAKEOVER_SECONDS
    scenario(play)


class Blows:
    """What befalls the turns of a play, each once."""

    def __init__(self, play: Play, chance: random.Random, ways: Iterator[Way]) -> None:
        self.play, self.chance, self.ways = play, chance, ways

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Strike within `seconds` of the block's beginning, while it goes on; raise Missed where it ends before."""
        moment, way, over = self.chance.uniform(0, seconds), next(self.ways), threading.Event()
        self.play.mark(f"{way.__name__} in {moment:.1f} s")
        with ThreadPoolExecutor(1, "blow") as pool:
            blow = pool.submit(self._strike, way, moment, over)
            try:
                yield
            finally:
                over.set()
        if not blow.result():
            raise Missed(f"{self.play.name}: what was to be struck after {moment:.1f} s was over before")

    def _strike(self, way: Way, moment: float, over: threading.Event) -> bool:
        if over.wait(moment):
            return False
        way(self.play)
        return True


def prometheus_stopped(play: Play) -> None:
    """Nobody can say how the new version does: it stays where it is, says so, and goes on when there are answers."""
    play.serve(FIRST)
    play.apply(replace(NEXT, no_data_seconds=SILENCE_SECONDS))
    play.arrive(20)
    with _without_prometheus(play):
        before = play.status
        play.stays("held where it is", lambda s: _where(s) == _where(before), OUTAGE_SECONDS)
        play.mark(play.status.message)
        if "no answer for" not in play.status.message:
            raise Missed(f"{play.name}: nobody is told of the silence: {play.status.message}")
    play.until("promoted once there are answers", healthy)


def apiserver_restarted(play: Play) -> None:
    """The apiserver crashes in the middle of a step, and comes back."""
    assert isinstance(play.cluster, EmbeddedCluster)
    play.serve(FIRST)
    play.apply(NEXT)
    play.arrive(20)
    play.mark("the apiserver is killed")
    play.cluster.crash("apiserver")
    play.mark("the apiserver is back")
    play.until("promoted all the same", healthy)


def can_stop_prometheus(cluster: Cluster) -> bool:
    """Whether the cluster's Prometheus is ours to stop."""
    return cluster.provider != "existing"


@contextmanager
def _without_prometheus(play: Play) -> Iterator[None]:
    """Scale Prometheus to nothing while the block runs; its figures are gone with it."""
    cluster, deployment = play.cluster, "deployment/prometheus"
    play.mark("Prometheus goes")
    cluster.kubectl(*PROMETHEUS, "scale", deployment, "--replicas=0")
    try:
        cluster.kubectl(*PROMETHEUS, "wait", "pod", "-l", "app=prometheus", "--for=delete", "--timeout=60s")
        yield
    finally:
        cluster.kubectl(*PROMETHEUS, "scale", deployment, "--replicas=1")
        cluster.kubectl(*PROMETHEUS, "rollout", "status", deployment, "--timeout=90s")
        play.mark("Prometheus is back")


def _where(status: RolloutStatus) -> tuple[int, int, bool]:
    return status.percent, status.step, status.candidate is not None


def _kill(play: Play, pods: list[str]) -> None:
    before = operators.holder(play.cluster)
    play.mark(f"kill {', '.join(pods)}")
    for pod in pods:
        operators.kill(play.cluster, pod)
    play.mark(f"{operators.await_another(play.cluster, before)} leads")
