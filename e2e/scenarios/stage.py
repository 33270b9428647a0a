"""What do the scenarios need? Slipway on a cluster, the base model as two versions, and somebody to run them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from e2e.cluster import release as chart
from e2e.cluster.base import Cluster, CommandFailed
from e2e.demo.cast import EXAMPLE, SYSTEM
from e2e.demo.prepare import OUT, collect, values
from e2e.demo.story import forget
from e2e.demo.tape import Tape
from e2e.demo.watch import Watcher
from e2e.scenarios import by_hand, manifests
from e2e.scenarios.manifests import NAMESPACE
from e2e.scenarios.play import Play
from e2e.setup.progress import say

MODEL_URI = "s3://slipway/models/smollm2-135m/"
VALUES = OUT / "rollouts-values.json"
AT_A_TIME = 5
"""Enough to keep two cores busy; more would make pods wait for each other."""
Scenario = Callable[[Play], None]


class Stage:
    """Where scenarios are performed, all on one tape."""

    def __init__(self, cluster: Cluster, tape: Tape) -> None:
        self.cluster, self.tape = cluster, tape
        self.watcher = Watcher(cluster.kubeconfig, tape, NAMESPACE)
        self.plays: list[Play] = []

    def build(self) -> None:
        """Install what is there of the repository, and bring the model. What an earlier run left goes."""
        forget(self.cluster, NAMESPACE)
        OUT.mkdir(parents=True, exist_ok=True)
        images = self.cluster.images()
        VALUES.write_text(json.dumps(values(images, self.cluster.prometheus_url, NAMESPACE)))
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifests.namespace()))
        where = ["slipway", str(chart.CHART), "--namespace", SYSTEM, "--create-namespace"]
        self.cluster.helm("upgrade", "--install", *where, "--values", str(VALUES), "--wait", "--timeout", "10m")
        self.watcher.start()
        collect(EXAMPLE / "base-model", OUT / "base")
        written = manifests.versions(MODEL_URI, by_hand.push(self.cluster, OUT / "base", MODEL_URI))
        self.cluster.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, written)))
        names = [f"modelversion/{version['metadata']['name']}" for version in written]
        self.cluster.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=180s", *names)

    def clear(self) -> None:
        """Remove everything that `build` and the scenarios made."""
        self.watcher.stop()
        forget(self.cluster, NAMESPACE)
        self.cluster.helm("uninstall", "slipway", "--namespace", SYSTEM, "--wait", "--timeout", "5m")

    def perform(self, scenario: Scenario, name: str = "") -> Play:
        """Perform one scenario on a Rollout of this name, or its own.

        The Rollout goes afterwards; the tape keeps all of it.
        """
        play = Play(self.cluster, self.tape, (name or scenario.__name__).replace("_", "-"))
        self.plays.append(play)
        begun = time.monotonic()
        try:
            scenario(play)
            say(f"      {play.name}: performed in {time.monotonic() - begun:.0f} s")
            return play
        except (AssertionError, CommandFailed) as failure:
            say(f"      {play.name}: FAILED after {time.monotonic() - begun:.0f} s: {failure}")
            raise
        finally:
            play.close()
            play.kubectl("delete", "rollout", play.name, "--ignore-not-found", "--wait=false")

    def perform_together(self, scenarios: Iterable[Scenario]) -> Mapping[str, Future[Play]]:
        """Perform scenarios that do not disturb each other, a few at a time, and return what came of each."""
        with ThreadPoolExecutor(AT_A_TIME, "scenario") as pool:
            return {scenario.__name__: pool.submit(self.perform, scenario) for scenario in scenarios}
