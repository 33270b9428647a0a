"""How is the operator run against a real apiserver, with the chart's settings and nothing but the chart's rights?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apiserver.server import ApiServer, free_port
from tests.unit.chart.render import NAMESPACE

PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def operating(server: ApiServer) -> Iterator[Path]:
    """Run the operator as its service account where the chart is installed; yield its log."""
    port = free_port()
    settings = json.loads(config(server)["settings.json"]) | {"http_port": port, "progress_port": free_port()}
    folder = server.folder
    (folder / "settings.json").write_text(json.dumps(settings))
    kubeconfig = json.loads(server.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": token(server)}
    (folder / "operator.kubeconfig").write_text(json.dumps(kubeconfig))
    log = folder / "operator.log"
    command = [sys.executable, "-m", "slipway.main", "--settings", str(folder / "settings.json")]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--kubeconfig", str(folder / "operator.kubeconfig")],
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        )
        try:
            eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), log, process)
            yield log
        finally:
            process.terminate()
            assert process.wait(60) == 0, log.read_text()


def config(server: ApiServer) -> dict[str, str]:
    """Return the chart's settings."""
    return dict(server.request("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/slipway-settings").body["data"])


def token(server: ApiServer) -> str:
    """Return a token of the operator's service account, as its pod would have it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/slipway/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = server.request("POST", path, request)
    assert answer.code == 201, answer.message
    return str(answer.body["status"]["token"])


def answers(url: str) -> bool:
    """Tell whether a web server answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def eventually(
    holds: Callable[[], bool],
    log: Path,
    process: subprocess.Popen[bytes] | None = None,
    *,
    seconds: float = PATIENCE_SECONDS,
    told: Callable[[], object] = lambda: "",
) -> None:
    """Wait until something holds; say what is told and the end of the log if it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        ended = process is not None and process.poll() is not None
        assert time.monotonic() < deadline, f"waited in vain: {told()}\nThe operator's log:\n{log.read_text()[-3000:]}"
        assert not ended, f"the operator ended:\n{log.read_text()[-3000:]}"
        time.sleep(0.1)
