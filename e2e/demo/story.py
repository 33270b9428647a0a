"""How does one run of the story go: commands typed, cluster watched, users served, until the last chapter is over?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.base import Cluster
from e2e.cluster.base import CommandFailed as KubectlFailed
from e2e.demo import facts, prompts
from e2e.demo.cast import NAMESPACE, ROLLOUT, SYSTEM
from e2e.demo.hopeless import hopeless
from e2e.demo.tape import Tape
from e2e.demo.traffic import Traffic
from e2e.demo.tutorial import Chapter
from e2e.demo.typed import Typed

AFTERWARDS_SECONDS = 15
"""How long users are watched after the last chapter, so that the page shows them served well again."""


class Story(Typed):
    """One run. The view reads `scene` and the tape; whoever judges it reads the tape."""

    def __init__(self, cluster: Cluster, chapters: Sequence[Chapter], folder: Path, tape: Tape, log: Path) -> None:
        super().__init__(cluster, chapters, folder, tape, log, namespace=NAMESPACE, hopeless=hopeless)
        self.traffic: Traffic | None = None

    def close(self) -> None:
        """Let nobody ask any more."""
        if self.traffic is not None:
            self.traffic.stop()

    def afterwards(self) -> None:
        """Look on for a moment."""
        self.scene.command = "looking on for a moment"
        time.sleep(AFTERWARDS_SECONDS)

    def after_block(self) -> None:
        """Let the users in as soon as there is a version that serves."""
        rollout = self.tape.now("Rollout", ROLLOUT)
        if self.traffic is None and rollout is not None and facts.rollout_status(rollout).stable is not None:
            asked = prompts.held_out(self.cluster, self.tape)
            self.traffic = Traffic(self.cluster.gateway_url, asked, self.tape, quiet=self._nothing_is_released)
            self.traffic.start()

    def _nothing_is_released(self) -> bool:
        rollout = self.tape.now("Rollout", ROLLOUT)
        return rollout is None or rollout.status.get("candidate") is None


def forget(cluster: Cluster, namespace: str = NAMESPACE) -> None:
    """Delete what an earlier run left in its namespace, and an installation that was interrupted."""
    with contextlib.suppress(KubectlFailed):  # an empty cluster does not know the kinds
        cluster.kubectl("-n", namespace, "delete", "slipway", "--all", "--timeout=60s")
    # With pods in it that may take minutes to end, a namespace is looked at again after half that time only.
    cluster.kubectl("-n", namespace, "wait", "pod", "--all", "--for=delete", "--timeout=90s")
    cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s")
    # helm refuses to go on over an installation whose helm was killed.
    for release in cluster.helm("list", "--namespace", SYSTEM, "--pending", "--short").split():
        cluster.helm("uninstall", release, "--namespace", SYSTEM, "--wait")
