"""Do two pods learn what one learns, stop together, and end with the cause of the one that failed?

Each pod is a launcher of its own, as in its container; they meet on this machine's loopback.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import COORDINATOR, NODE_INDEX, Train
from slipway.contract.result import NODE_LOST, Failed, Preempted, Trained, parse_result
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.processes.mates import Node, meet
from tests.train.runs import Bench, same
from tests.train.test_process import COMMAND
from tests.train.test_process import environment as pod_environment
from tests.train.test_processes import alike

PATIENCE_SECONDS = 240.0
Pod = subprocess.Popen[str]


def free_port() -> int:
    """Return a port that is free here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
    return found


def on_two(job: Train) -> Train:
    """Return `job` for two pods of one process each."""
    return job.model_copy(update={"nodes": 2})


def around(bench: Bench, told: Mapping[str, str], number: int, port: int) -> dict[str, str]:
    """Return the environment of the pod `number`."""
    own = {
        "SLIPWAY_TERMINATION_LOG": str(bench.folder / f"termination-log-{number}"),
        NODE_INDEX: str(number),
        COORDINATOR: f"127.0.0.1:{port}",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    return {**told, **own}


@contextmanager
def pods(bench: Bench, job: Train, command: Sequence[str] = COMMAND) -> Iterator[list[Pod]]:
    """Start both pods, the second one first: no order is promised."""
    told, port = pod_environment(bench, job), free_port()
    running = [
        subprocess.Popen(command, env=around(bench, told, number, port), stderr=subprocess.PIPE, text=True)
        for number in (1, 0)
    ][::-1]
    try:
        yield running
    finally:
        for pod in running:
            pod.kill()
            pod.communicate()


def ended(running: Sequence[Pod]) -> list[int]:
    """Wait for both pods; return their exit codes."""
    return [(pod.communicate(timeout=PATIENCE_SECONDS), pod.returncode)[1] for pod in running]


def said(bench: Bench, number: int) -> object:
    """Return what the pod `number` reported."""
    path = bench.folder / f"termination-log-{number}"
    return parse_result(path.read_text()) if path.is_file() else None


def trained(bench: Bench, job: Train) -> Trained:
    """Return what two pods that do `job` make; only the first says it."""
    with pods(bench, job) as running:
        assert ended(running) == [ExitCode.OK, ExitCode.OK]
    result = said(bench, 0)
    assert isinstance(result, Trained)
    assert said(bench, 1) is None
    return result


def test_two_pods_go_the_way_of_one(bench: Bench) -> None:
    # Batches of three: one pod has two rows, the other one; the last of an epoch may leave it without any.
    told: dict[str, Any] = {"max_steps": 8, "batch_size": 3, "evaluate_every_steps": 4}
    alone = bench.run(bench.job("alone", **told))
    assert isinstance(alone, Trained)
    together = trained(bench, on_two(bench.job("together", **told)))
    alike(bench, alone, together)
    one, other = bench.adapter(alone), bench.adapter(together)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=2e-2, atol=2e-4)


def test_sigterm_of_one_saves_ends_both_and_the_next_two_go_on_to_the_same_bits(bench: Bench) -> None:
    told: dict[str, Any] = {"max_steps": 40, "epochs": 1000, "dropout_percent": 5}
    straight = trained(bench, on_two(bench.job("straight", **told)))
    job = on_two(bench.job("stopped", **told))
    with pods(bench, job) as running:
        first, second = running
        assert first.stderr is not None
        for line in first.stderr:
            if "step 3 of" in line:
                second.send_signal(signal.SIGTERM)
                break
        assert ended(running) == [ExitCode.PREEMPTED, ExitCode.PREEMPTED]
    stopped = said(bench, 0)
    assert isinstance(stopped, Preempted)
    assert 3 <= stopped.step < 40
    for number in range(2):
        (bench.folder / f"termination-log-{number}").unlink()
    assert same(bench.adapter(straight), bench.adapter(trained(bench, job)))


CHILD = "import os, sys, time; from pathlib import Path; rank = os.environ['RANK']\n"
LAUNCH = """
import os, sys
from slipway_train_torch.causal_lm.processes.launch import launch
from slipway_train_torch.causal_lm.processes.mates import Node
sys.exit(launch(1, sys.argv[1:], Node.here(2, "", os.environ)))
"""


def launching(child: str) -> list[str]:
    """Return the command of a pod whose one process is `child`."""
    return [sys.executable, "-c", LAUNCH, sys.executable, "-c", CHILD + child]


@pytest.mark.parametrize(
    ("child", "codes", "lost"),
    [
        # The second fails for a reason of its own, and the first would wait for ever.
        ("time.sleep(600 if rank == '0' else 0); sys.exit(10)", [1, 10], "has failed with code 10"),
        # The first notices before the second has said why.
        ("time.sleep(0 if rank == '0' else 1); sys.exit(1 if rank == '0' else 20)", [1, 20], "has failed with code 20"),
        # The kernel ends the second.
        ("os.kill(os.getpid(), 9) if rank == '1' else time.sleep(600)", [1, 137], "has failed with code 137"),
        # The pod of the second is ended with everything in it.
        ("os.kill(os.getppid(), 9) if rank == '1' else time.sleep(600)", [1, -9], "is gone"),
    ],
)
def test_a_pod_ends_when_another_one_has_and_says_which(bench: Bench, child: str, codes: list[int], lost: str) -> None:
    with pods(bench, bench.job(), launching(child)) as running:
        assert ended(running) == codes
    found = said(bench, 0)
    assert isinstance(found, Failed)
    assert found.reason == NODE_LOST
    assert f"pod 1 of the run {lost}" in found.message


def test_one_that_ends_well_is_not_missed(bench: Bench) -> None:
    with pods(bench, bench.job(), launching("time.sleep(2 if rank == '0' else 0); sys.exit(0)")) as running:
        assert ended(running) == [ExitCode.OK, ExitCode.OK]
    assert said(bench, 0) is None


def test_a_pod_that_waits_for_others_stops_at_once(bench: Bench) -> None:
    told = around(bench, pod_environment(bench, on_two(bench.job())), 0, free_port())
    with subprocess.Popen(COMMAND, env=told, stderr=subprocess.PIPE, text=True) as alone:
        assert alone.stderr is not None
        assert any("waiting for 1 other pods" in line for line in alone.stderr)
        alone.send_signal(signal.SIGTERM)
        assert alone.wait(60) == ExitCode.PREEMPTED


def test_the_processes_of_several_pods_are_numbered_through(bench: Bench) -> None:
    child = (
        "names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR')\n"
        "Path(os.environ['TMPDIR'], 'rank-' + rank).write_text(' '.join(os.environ[name] for name in names))"
    )
    two = LAUNCH.replace("launch(1,", "launch(2,")
    with pods(bench, bench.job(), [sys.executable, "-c", two, sys.executable, "-c", CHILD + child]) as running:
        assert ended(running) == [ExitCode.OK, ExitCode.OK]
    found = [(bench.folder / f"rank-{rank}").read_text() for rank in range(4)]
    assert found == [f"{rank} 4 {rank % 2} 2 127.0.0.1" for rank in range(4)]


def test_asked_to_stop_before_it_begins_a_pod_meets_nobody() -> None:
    stop = StopFlag()
    stop.set()
    for number in range(2):
        assert meet(Node(number, 2, f"127.0.0.1:{free_port()}"), stop) is None


def test_a_pod_alone_meets_nobody_and_needs_no_names() -> None:
    assert Node.here(1, "", os.environ) == Node()
    met = meet(Node(), StopFlag())
    assert met is not None
    assert met.none
