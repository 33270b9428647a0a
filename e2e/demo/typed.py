"""How are a document's commands typed, chapter by chapter, while a namespace is watched?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from e2e.cluster.base import Cluster
from e2e.demo.commands import CommandFailed, Shell, summary
from e2e.demo.tape import Mark, Tape
from e2e.demo.tutorial import Chapter
from e2e.demo.view import Scene
from e2e.demo.watch import Watcher


class Typed:
    """One run of all chapters. The view reads `scene` and the tape; whoever judges the run reads the tape."""

    def __init__(
        self,
        cluster: Cluster,
        chapters: Sequence[Chapter],
        folder: Path,
        tape: Tape,
        log: Path,
        *,
        namespace: str,
        hopeless: Callable[[Tape], str | None],
    ) -> None:
        self.cluster = cluster
        self.chapters = chapters
        self.tape = tape
        self.hopeless = hopeless
        self.scene = Scene(titles=[chapter.title for chapter in chapters])
        self.shell = Shell(folder, cluster.environment(), log)
        self.watcher = Watcher(cluster.kubeconfig, tape, namespace)

    def run(self) -> None:
        """Type everything; raise CommandFailed where it cannot go on."""
        self.watcher.start()
        try:
            for number, chapter in enumerate(self.chapters):
                self.scene.present = number
                self.tape.add(Mark(time.time(), chapter.title))
                for block in chapter.blocks:
                    self.scene.command = summary(block)
                    self.shell.run(block, lambda: self.hopeless(self.tape))
                    self.after_block()
            self.afterwards()
            self.scene.present = len(self.chapters)
        except CommandFailed:
            self.scene.failed = True
            raise
        finally:
            self.close()
            self.watcher.stop()

    def after_block(self) -> None:
        """Do what is due when a block of commands has succeeded."""

    def afterwards(self) -> None:
        """Do what is due when all commands have succeeded."""

    def close(self) -> None:
        """Do what is due at the end, whatever it was, before the watch ends."""
