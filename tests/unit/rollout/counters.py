"""Pods whose counters Prometheus scrapes: they restart, are replaced, and take with them what no scrape has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.dice import binomial
from slipway.rollout.analysis.queries import CODE, CODES, RESETS, SERVING, UPTIME
from tests.unit.rollout.world import NAMESPACE, ROLLOUT
from tests.world import promql


@dataclass
class Pod:
    """One pod's proxy, since it started."""

    name: str
    revision: str
    since: float
    good: int = 0
    bad: int = 0

    def series(self, now: float) -> list[tuple[promql.Key, float]]:
        """Return what a scrape finds."""
        here = {"namespace": NAMESPACE, "rollout": ROLLOUT, "revision": self.revision, "pod": self.name}
        codes = [(CODES.name, {CODE: "2"}, self.good), (CODES.name, {CODE: "5"}, self.bad), (RESETS.name, {}, 0)]
        found = [(promql.key(name, here | SERVING | own), float(value)) for name, own, value in codes]
        return [*found, (promql.key(UPTIME, here), float(int(now - self.since)))]


@dataclass
class Pods:
    """The pods of one revision."""

    dice: Random
    revision: str
    pods: list[Pod] = field(default_factory=list)
    made: int = 0

    def start(self, count: int, now: float) -> None:
        """Start new pods."""
        for _ in range(count):
            self.made += 1
            self.pods.append(Pod(f"{self.revision}-{self.made}", self.revision, now))

    def serve(self, requests: int, chance: float) -> None:
        """Answer so many requests, of which each fails by `chance`."""
        for number, pod in enumerate(self.pods):
            here = requests // len(self.pods) + (number < requests % len(self.pods))
            bad = binomial(self.dice, here, chance)
            pod.good, pod.bad = pod.good + here - bad, pod.bad + bad

    def disturb(self, chance: float, now: float) -> None:
        """By `chance` restart a pod's proxy, whose counters begin at 0 again, or replace the pod."""
        for pod in list(self.pods):
            fate = self.dice.random()
            if fate < chance / 2:
                pod.good, pod.bad, pod.since = 0, 0, now
            elif fate < chance:
                self.pods.remove(pod)
                self.start(1, now)


def scrape(several: Sequence[Pods], samples: promql.Samples, now: float) -> None:
    """Keep what all pods show now; forget pods that went long ago."""
    for key in [key for key, (times, _) in samples.items() if times[-1] < now - promql.STALE_SECONDS]:
        del samples[key]
    for pods in several:
        for pod in pods.pods:
            promql.keep(samples, pod.series(now), now)
