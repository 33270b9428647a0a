"""What do the users ask? Requests of the Dataset's test split, which no version was trained on."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
import pyarrow.parquet
from obstore.store import S3Store

from e2e.cluster.base import Cluster
from e2e.demo.cast import DATASET, NAMESPACE, SYSTEM
from e2e.demo.tape import Tape
from slipway.api.dataset import DatasetStatus

STORE_SERVICE = "slipway-object-store"
STORE_PORT = 8333
READY_SECONDS = 20.0
FOLLOWED_UP = range(480, 1200)
"""Characters of answers that users come back to."""

Conversation = Sequence[Mapping[str, str]]


def held_out(cluster: Cluster, tape: Tape) -> list[Conversation]:
    """Return what users say to the model, from the test split of the prepared dataset."""
    return conversations(answered_rows(cluster, tape))


def answered_rows(cluster: Cluster, tape: Tape, split: str = "test") -> list[Conversation]:
    """Return the conversations of a split of the prepared dataset, each with the answer that is wanted."""
    dataset = tape.now("Dataset", DATASET)
    status = DatasetStatus.model_validate(dataset.status if dataset is not None else {})
    if status.artifact is None:
        raise ValueError(f"Dataset {DATASET} has no artifact, so there is nothing to ask: is it Ready?")
    bucket, _, prefix = status.artifact.uri.removeprefix("s3://").partition("/")
    with store(cluster, bucket) as opened, TemporaryDirectory() as folder:
        keys = [o["path"] for page in obstore.list(opened, prefix=f"{prefix}{split}/") for o in page]
        for key in keys:
            Path(folder, Path(key).name).write_bytes(bytes(obstore.get(opened, key).bytes()))
        return [row["messages"] for file in sorted(Path(folder).glob("*.parquet")) for row in _rows(file)]


def conversations(rows: Sequence[Conversation]) -> list[Conversation]:
    """Return first questions, and follow-ups that quote what was answered before: every second one.

    A follow-up takes 300 to 550 tokens, a first question around 80: real prompts differ that much in length.
    """
    firsts = [[m for m in row if m["role"] != "assistant"] for row in rows]
    quoted = [row for row in rows if row[-1]["role"] == "assistant" and len(row[-1]["content"]) in FOLLOWED_UP]
    follow_ups = [
        [*row, next(m for m in other if m["role"] == "user")]
        for row, other in zip(quoted, [*quoted[1:], *quoted[:1]], strict=True)
    ]
    share = len(firsts)
    return [*firsts, *itertools.islice(itertools.cycle(follow_ups), share if follow_ups else 0)]


def _rows(file: Path) -> list[dict[str, list[dict[str, str]]]]:
    found: list[dict[str, list[dict[str, str]]]] = pyarrow.parquet.read_table(file, columns=["messages"]).to_pylist()
    return found


@contextmanager
def store(cluster: Cluster, bucket: str, namespace: str = NAMESPACE) -> Iterator[S3Store]:
    """Open the cluster's object store through a forwarded port, with the keys that a namespace has."""
    with reached(cluster, namespace) as way:
        yield S3Store(
            bucket,
            endpoint=way.endpoint,
            region="us-east-1",
            access_key_id=way.key,
            secret_access_key=way.password,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )


@dataclass(frozen=True)
class Way:
    """How a program of this machine reaches the cluster's object store."""

    endpoint: str
    key: str
    password: str


@contextmanager
def reached(cluster: Cluster, namespace: str) -> Iterator[Way]:
    """Forward a port to the cluster's object store while the block runs; the keys are those that a namespace has."""
    secret = json.loads(cluster.kubectl("-n", namespace, "get", "secret", STORE_SERVICE, "-o", "json"))["data"]
    key, password = (base64.b64decode(secret[name]).decode() for name in ("accessKeyId", "secretAccessKey"))
    with forwarded(cluster, SYSTEM, f"service/{STORE_SERVICE}", STORE_PORT) as port:
        yield Way(f"http://127.0.0.1:{port}", key, password)


@contextmanager
def forwarded(cluster: Cluster, namespace: str, target: str, port: int) -> Iterator[int]:
    """Forward a free local port to `target` while the block runs; works with every provider."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = int(probe.getsockname()[1])
    command = ["kubectl", "-n", namespace, "port-forward", target, f"{local}:{port}"]
    process = subprocess.Popen(
        command, env=cluster.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(local, process)
        yield local
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise OSError(f"kubectl port-forward ended: {process.stderr.read().strip() if process.stderr else ''}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise OSError(f"kubectl port-forward did not open port {port} within {READY_SECONDS:.0f} s")
