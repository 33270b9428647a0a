"""How is a training pod several processes, and still one to the kubelet?

The launcher holds SIGTERM's promise, the exit code and the termination message: it passes the signal on, and ends as
the child that failed for a reason of its own, or else as the first. Where the run has several pods, it starts its
children when all pods have met (mates.py), and ends them when another pod is missed.
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

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import TERMINATION_LOG
from slipway.contract.result import NODE_LOST
from slipway_pod.errors import PodError
from slipway_pod.run import leave
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes.mates import ALONE, LOOK_SECONDS, Loss, Mates, Node, meet

log = logging.getLogger("slipway")

RANK, SIZE, SHARED, MESSAGE = "RANK", "WORLD_SIZE", "SLIPWAY_SHARED_SCRATCH", "SLIPWAY_TERMINATION_LOG"
LOCAL_RANK, LOCAL_SIZE, HOST, PORT = "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"
"""The names that torchrun gives them."""
FAREWELL_SECONDS = 5.0
"""What the others get when one has failed: they may be about to say the same."""
MESSAGES = ".message"
"""End of the names of the files in which the children leave their termination messages."""
ENDS = (ExitCode.OK, ExitCode.PREEMPTED)
"""How a child ends that leaves the others to end by themselves."""

Children = Sequence[subprocess.Popen[bytes]]


def launch(
    count: int,
    command: Sequence[str] = (sys.executable, "-m", "slipway_train_torch.causal_lm"),
    node: Node = ALONE,
) -> int:
    """Run `command` as `count` processes that share a scratch folder, and return the exit code of them all."""
    stop = StopFlag.on_sigterm()
    try:
        mates = meet(node, stop)
    except PodError as error:
        _speak(error)
        return error.code
    if mates is None:
        log.info("asked to stop before all pods were there")
        return ExitCode.PREEMPTED
    with tempfile.TemporaryDirectory() as shared, mates:
        around = os.environ | meeting(mates)
        told = [environment(around, rank, count, Path(shared), node) for rank in range(count)]
        rank, code = _ended([subprocess.Popen(command, env=one) for one in told], mates, node, stop)
        if rank is None:
            _speak_of(mates.loss or Loss(node.number))
        else:
            _speak_for(Path(shared) / f"{rank}{MESSAGES}")
        return code


def meeting(mates: Mates) -> dict[str, str]:
    """Return where the processes of all pods meet; those of one pod meet on the loopback, whatever its name is."""
    if mates.none:
        return {"GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo")}
    host, _, port = mates.meeting.rpartition(":")
    return {HOST: host, PORT: port}


def environment(around: Mapping[str, str], rank: int, count: int, shared: Path, node: Node = ALONE) -> dict[str, str]:
    """Return the environment of the process `rank` of `count` of a pod, each of which gets its share of the CPUs."""
    threads = int(around.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    return {
        **around,
        RANK: str(node.number * count + rank),
        SIZE: str(node.of * count),
        LOCAL_RANK: str(rank),
        LOCAL_SIZE: str(count),
        SHARED: str(shared),
        MESSAGE: str(shared / f"{rank}{MESSAGES}"),
        "OMP_NUM_THREADS": str(max(1, threads // count)),
    }


def _ended(children: Children, mates: Mates, node: Node, stop: StopFlag) -> tuple[int | None, int]:
    """Wait for all, and return rank and exit code of the one that says how the run ended; no rank: another pod does.

    When one has failed, the others, which would wait for it for ever, are killed after a while. Most notice before,
    and end with an unexpected error: the cause is what the one says that ended otherwise.
    """
    passed_on = False
    while True:
        if stop.is_set() and not passed_on:
            passed_on = True
            for child in children:
                child.send_signal(signal.SIGTERM)
        codes = [child.poll() for child in children]
        if _failure(codes) is not None or mates.missed() is not None:
            return _failed(children, mates, node)
        if codes[0] is not None and None not in codes:
            return 0, codes[0]
        time.sleep(LOOK_SECONDS)


def _failed(children: Children, mates: Mates, node: Node) -> tuple[int | None, int]:
    """End the children of a pod of which one has failed, or whose mates have; return who says why."""
    first = [child.poll() for child in children]
    _tell(mates, node, first)
    codes = _end(children, mates)
    _tell(mates, node, codes)
    if all(code in ENDS for code in codes):  # what they were to do was done
        return 0, codes[0] or 0
    failure, loss = _failure(codes), mates.loss
    consequence = loss is not None and (_failure(first) is None or loss.code != ExitCode.UNEXPECTED)
    if failure is None or (failure[1] == ExitCode.UNEXPECTED and consequence):
        return None, ExitCode.UNEXPECTED
    return failure


def _tell(mates: Mates, node: Node, codes: Sequence[int | None]) -> None:
    """Tell the other pods if a child has failed."""
    if (failure := _failure(codes)) is not None:
        mates.tell(Loss(node.number, failure[1]))


def _failure(codes: Sequence[int | None]) -> tuple[int, int] | None:
    """Return rank and exit code of the child that failed for a reason of its own, or of the first that failed."""
    failed = [(rank, code) for rank, code in enumerate(codes) if code is not None and code not in ENDS]
    if not failed:
        return None
    rank, code = min(failed, key=lambda one: (one[1] == ExitCode.UNEXPECTED, one[0]))
    return rank, code if code > 0 else 128 - code


def _end(children: Children, mates: Mates) -> list[int | None]:
    """Give the others a moment, then kill them; return the exit codes of those that ended by themselves.

    Where there are other pods, the moment is theirs too: an unexpected error may be what another pod's failure made.
    """
    until = time.monotonic() + FAREWELL_SECONDS
    while time.monotonic() < until:
        codes = [child.poll() for child in children]
        failure = _failure(codes)
        told = mates.none or mates.missed() is not None or (failure is not None and failure[1] != ExitCode.UNEXPECTED)
        if told and None not in codes:
            break
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


def _speak_of(loss: Loss) -> None:
    """Leave the termination message of a pod that ended because another one did."""
    what = "is gone" if loss.code is None else f"has failed with code {loss.code}"
    said = f"pod {loss.node} of the run {what}, and this one cannot go on without it: see that pod"
    _speak(PodError(NODE_LOST, said))


def _speak(error: PodError) -> None:
    """Leave `error` as the termination message of the pod."""
    log.error("%s", error)
    leave(error.result(), Path(os.environ.get(MESSAGE, TERMINATION_LOG)))
