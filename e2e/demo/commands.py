"""How are the tutorial's commands typed for the reader, so that a failure says what to look at?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TAIL = 15
GRACE_SECONDS = 5


class CommandFailed(Exception):
    """A command ended badly, or was given up. The message names it and shows its last lines."""


@dataclass
class Shell:
    """Runs blocks of commands with bash, one after the other, in one folder. All output goes to one log file."""

    folder: Path
    environment: Mapping[str, str]
    log: Path
    poll_seconds: float = 0.25
    running: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def run(self, block: str, hopeless: Callable[[], str | None] = lambda: None) -> None:
        """Run a block; end it early when `hopeless` gives a reason why waiting any longer is in vain."""
        with self.log.open("ab") as log:
            log.write(f"$ {block}\n".encode())
            log.flush()
            begun = log.tell()
            self.running = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=self.folder,
                env=os.environ | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while (code := self.running.poll()) is None:
                if (reason := hopeless()) is not None:
                    raise CommandFailed(f"gave up on `{summary(block)}`: {reason}")
                time.sleep(self.poll_seconds)
            if code != 0:
                output = self.log.read_bytes()[begun:].decode(errors="replace").splitlines()[-TAIL:]
                raise CommandFailed("\n".join([f"`{summary(block)}` ended with exit code {code}:", *output]))
        finally:
            self._end_group()

    def _end_group(self) -> None:
        """End whatever the block left behind, background commands included."""
        process = self.running
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
        self.running = None


def summary(block: str) -> str:
    """Return a block's last command in one line, for people."""
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return " ".join(lines[-1].split()) if lines else ""
