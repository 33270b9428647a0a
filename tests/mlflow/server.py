"""A real MLflow tracking server on this machine, and what it has of runs, asked by its own REST API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apiserver.server import free_port

START_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """Return the runs of the experiment called so, the oldest first."""
        found = self._get("experiments/get-by-name", experiment_name=experiment)["experiment"]["experiment_id"]
        body = {"experiment_ids": [found], "order_by": ["attributes.start_time ASC"]}
        answer = self._call("runs/search", json.dumps(body).encode())
        return list(answer.get("runs") or ())

    def points(self, run: Mapping[str, Any], key: str) -> list[tuple[int, float]]:
        """Return step and value of each figure `key` that was sent of `run`."""
        asked = {"run_id": run["info"]["run_id"], "metric_key": key, "max_results": 25000}
        return [(int(one["step"]), one["value"]) for one in self._get("metrics/get-history", **asked)["metrics"]]

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call(f"{path}?{urllib.parse.urlencode(query)}", None)

    def _call(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/2.0/mlflow/{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found


@contextmanager
def serving(python: Path, folder: Path) -> Iterator[Server]:
    """Run a server that keeps everything in `folder`."""
    port = free_port()
    command = [
        *(str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'runs.db'}", "--artifacts-destination", str(folder / "files")),
    ]
    log = folder / "server.log"
    told = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=told, stdout=said, stderr=said, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the server and its workers: nothing is to be kept
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
