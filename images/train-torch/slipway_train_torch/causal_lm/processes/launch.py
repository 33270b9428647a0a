"""How is one training pod several processes, and still one to the kubelet?

The first process holds SIGTERM's promise and the exit code: it passes the signal on, and ends as the first of its
children that failed, or else as the one with rank 0.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from slipway.contract.exitcodes import ExitCode

log = logging.getLogger("slipway")

RANK, SIZE, SHARED = "RANK", "WORLD_SIZE", "SLIPWAY_SHARED_SCRATCH"
LOOK_SECONDS = 0.1
FAREWELL_SECONDS = 5.0
"""What the others get when one has failed: they may be about to say the same."""
ENDS = (ExitCode.OK, ExitCode.PREEMPTED)
"""How a child ends that leaves the others to end by themselves."""


def launch(count: int, command: Sequence[str] = (sys.executable, "-m", "slipway_train_torch.causal_lm")) -> int:
    """Run `command` as `count` processes that share a scratch folder, and return the exit code of them all."""
    with tempfile.TemporaryDirectory() as shared:
        children: list[subprocess.Popen[bytes]] = []
        stopped = False

        def stop(number: int, _: FrameType | None) -> None:
            nonlocal stopped
            stopped = True
            for child in children:
                child.send_signal(signal.SIGTERM)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        for rank in range(count):
            children.append(subprocess.Popen(command, env=environment(os.environ, rank, count, Path(shared))))
        if stopped:
            # It came while they were started.
            for child in children:
                child.send_signal(signal.SIGTERM)
        return _ended(children)


def environment(around: Mapping[str, str], rank: int, count: int, shared: Path) -> dict[str, str]:
    """Return the environment of the process `rank` of `count`, each of which gets its share of the CPUs."""
    threads = int(around.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    return {
        # All are in one pod: they meet on the loopback, whatever the pod's name resolves to.
        "GLOO_SOCKET_IFNAME": "lo",
        **around,
        RANK: str(rank),
        SIZE: str(count),
        SHARED: str(shared),
        "OMP_NUM_THREADS": str(max(1, threads // count)),
    }


def _ended(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for all; when one has failed, kill the others, which would wait for it for ever."""
    while True:
        codes = [child.poll() for child in children]
        failed = next((code for code in codes if code is not None and code not in ENDS), None)
        if failed is not None:
            _end(children)
            return failed if failed > 0 else 128 - failed
        if codes[0] is not None and None not in codes:
            return codes[0]
        time.sleep(LOOK_SECONDS)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + FAREWELL_SECONDS
    while time.monotonic() < until and any(child.poll() is None for child in children):
        time.sleep(LOOK_SECONDS)
    for child in children:
        child.kill()
        child.wait()
