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
from e2e.demo.commands import CommandFailed, Shell, summary
from e2e.demo.hopeless import hopeless
from e2e.demo.tape import Mark, Tape
from e2e.demo.traffic import Traffic
from e2e.demo.tutorial import Chapter
from e2e.demo.view import Scene
from e2e.demo.watch import Watcher

AFTERWARDS_SECONDS = 15
"""How long users are watched after the last chapter, so that the page shows them served well again."""


class Story:
    """One run. The view reads `scene` and the tape; whoever judges it reads the tape."""

    def __init__(self, cluster: Cluster, chapters: Sequence[Chapter], folder: Path, tape: Tape, log: Path) -> None:
        self.cluster = cluster
        self.chapters = chapters
        self.tape = tape
        self.scene = Scene(titles=[chapter.title for chapter in chapters])
        self.shell = Shell(folder, cluster.environment(), log)
        self.watcher = Watcher(cluster.kubeconfig, tape)
        self.traffic: Traffic | None = None

    def run(self) -> None:
        """Tell the whole story; raise CommandFailed where it cannot go on."""
        self.watcher.start()
        try:
            for number, chapter in enumerate(self.chapters):
                self.scene.present = number
                self.tape.add(Mark(time.time(), chapter.title))
                for block in chapter.blocks:
                    self.scene.command = summary(block)
                    self.shell.run(block, lambda: hopeless(self.tape))
                    self._open_doors_once_served()
            self.scene.command = "looking on for a moment"
            time.sleep(AFTERWARDS_SECONDS)
            self.scene.present = len(self.chapters)
        except CommandFailed:
            self.scene.failed = True
            raise
        finally:
            if self.traffic is not None:
                self.traffic.stop()
            self.watcher.stop()

    def _open_doors_once_served(self) -> None:
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
