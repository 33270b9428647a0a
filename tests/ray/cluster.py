"""A real Ray cluster of one node on this machine, and the preparation pod's program beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.contract.job import PrepareDataset
from tests.apiserver.server import free_port

REPOSITORY = Path(__file__).parents[2]
CODE = os.pathsep.join(str(REPOSITORY / part) for part in ("operator", "images/common", "images/data"))
START_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    address: str
    head: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End all its processes at once, as a node that goes."""
        os.killpg(self.head.pid, signal.SIGKILL)
        self.head.wait()


@contextmanager
def cluster(python: Path, *, bare: bool = False) -> Iterator[Cluster]:
    """Start a cluster of two cores, and stop it; a bare one has none of our code."""
    # Below /tmp, for the names of its sockets may not be long.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    port = free_port()
    command = [
        *(str(python.with_name("ray")), "start", "--head", "--block", "--num-cpus=2", "--port=0"),
        *("--node-ip-address=127.0.0.1", f"--ray-client-server-port={port}", f"--temp-dir={folder}"),
        *("--include-dashboard=false", "--disable-usage-stats", "--object-store-memory=100000000"),
    ]
    told = {**os.environ, "PYTHONPATH": CODE, "GRPC_ENABLE_FORK_SUPPORT": "0"}  # as images/data/ray.Dockerfile has it
    if bare:
        command, told = without_repository(command), {**told, "PYTHONPATH": ""}
    log = folder / "start.log"
    with log.open("wb") as said:
        head = subprocess.Popen(command, env=told, stdout=said, stderr=said, start_new_session=True)
    try:
        wait_for(port, head, log)
        yield Cluster(f"ray://127.0.0.1:{port}", head)
    finally:
        if head.poll() is None:
            head.terminate()  # what --block waits for: it ends what it started
            try:
                head.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)
                head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def without_repository(command: Sequence[str]) -> list[str]:
    """Return what runs `command` where the repository's folder is empty.

    Ray tells its workers where its client imports from, and on one machine they would find our code there.
    """
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    hide = 'mount -t tmpfs none "$0" && cd / && exec "$@"'
    return ["unshare", *as_root, "--mount", "sh", "-c", hide, str(REPOSITORY), *command]


def wait_for(port: int, head: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the client server listens."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and head.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the cluster did not start:\n{log.read_text(errors='replace')[-3000:]}")


@dataclass(frozen=True)
class Pod:
    """The preparation pod's program, while it runs."""

    process: subprocess.Popen[str]
    told: Path
    log: Path

    def ended(self) -> tuple[int, dict[str, object]]:
        """Wait, and return its exit code and its termination message."""
        code = self.process.wait(100)
        return code, json.loads(self.told.read_text(encoding="utf-8"))

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8")


def pod(python: Path, job: PrepareDataset, folder: Path) -> Pod:
    """Start the program on `job`, with its files in `folder`."""
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(job.dump()), encoding="utf-8")
    told = {
        **os.environ,
        "PYTHONPATH": CODE,
        "SLIPWAY_JOB": str(folder / "job.json"),
        "SLIPWAY_TERMINATION_LOG": str(folder / "told.json"),
        "TMPDIR": str(folder),
    }
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen([str(python), "-m", "slipway_data"], cwd=REPOSITORY, env=told, stderr=log, text=True)
    return Pod(process, folder / "told.json", folder / "log")
