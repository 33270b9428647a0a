"""What if the operator's leader dies in the middle of a canary?"""

from __future__ import annotations

import threading

from e2e.cluster.base import Cluster, CommandFailed
from e2e.demo import facts
from e2e.demo.cast import SYSTEM, version
from e2e.demo.tape import Tape
from e2e.scenarios.operators import leader


class LeaderKiller:
    """Deletes the pod that holds the Lease, once, as soon as a version has its first share of traffic."""

    def __init__(self, cluster: Cluster, tape: Tape, short_name: str) -> None:
        self.cluster, self.tape, self.version = cluster, tape, version(short_name)
        self.killed = ""
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="leader-killer", daemon=True)

    def __enter__(self) -> LeaderKiller:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join(30)

    def _run(self) -> None:
        while not self.stopping.wait(0.5):
            if any(w.percent(self.version) > 0 for w in facts.weights(self.tape)):
                self._kill()
                return

    def _kill(self) -> None:
        pod = leader(self.cluster)
        try:
            self.cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
        except CommandFailed:
            return
        self.killed = pod
