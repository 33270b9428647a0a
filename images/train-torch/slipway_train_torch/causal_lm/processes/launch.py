"""How is one training pod several processes, and still one to the kubelet?

The first process holds SIGTERM's promise, the exit code and the termination message: it passes the signal on, and ends
as the child that failed for a reason of its own, or else as the one with rank 0.
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
from slipway.contract.job import TERMINATION_LOG

log = logging.getLogger("slipway")

RANK, SIZE, SHARED, MESSAGE = "RANK", "WORLD_SIZE", "SLIPWAY_SHARED_SCRATCH", "SLIPWAY_TERMINATION_LOG"
LOOK_SECONDS = 0.1
FAREWELL_SECONDS = 5.0
"""What the others get when one has failed: they may be about to say the same."""
MESSAGES = ".message"
"""End of the names of the files in which the children leave their termination messages."""
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
        rank, code = _ended(children)
        _speak_for(Path(shared) / f"{rank}{MESSAGES}")
        return code


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
        MESSAGE: str(shared / f"{rank}{MESSAGES}"),
        "OMP_NUM_THREADS": str(max(1, threads // count)),
    }


def _ended(children: Sequence[subprocess.Popen[bytes]]) -> tuple[int, int]:
    """Wait for all, and return rank and exit code of the one that says how the run ended.

    When one has failed, the others, which would wait for it for ever, are killed after a while. Most notice before,
    and end with an unexpected error: the cause is what the one says that ended otherwise.
    """
    while True:
        codes = [child.poll() for child in children]
        if any(code is not None and code not in ENDS for code in codes):
            codes = _end(children)
            failed = [(rank, code) for rank, code in enumerate(codes) if code is not None and code not in ENDS]
            rank, code = min(failed, key=lambda one: (one[1] == ExitCode.UNEXPECTED, one[0]))
            return rank, code if code > 0 else 128 - code
        if codes[0] is not None and None not in codes:
            return 0, codes[0]
        time.sleep(LOOK_SECONDS)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> list[int | None]:
    """Give the others a moment, then kill them; return the exit codes of those that ended by themselves."""
    until = time.monotonic() + FAREWELL_SECONDS
    while time.monotonic() < until and any(child.poll() is None for child in children):
        time.sleep(LOOK_SECONDS)
    codes = [child.poll() for child in children]
    for child in children:
        child.kill()
        child.wait()
    return codes


def _speak_for(message: Path) -> None:
    """Leave the termination message of a child as that of the pod, if it left one."""
    if message.is_file():
        Path(os.environ.get(MESSAGE, TERMINATION_LOG)).write_bytes(message.read_bytes())
