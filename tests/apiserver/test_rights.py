"""The operator, started with the chart's settings and nothing but the chart's rights, does its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.setup import gotools
from tests.apiserver import objects
from tests.apiserver.server import ApiServer, free_port, running
from tests.apiserver.test_chart import as_pod, helm, offered
from tests.unit.chart.render import CHART, NAMESPACE

PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed() -> Iterator[ApiServer]:
    """An apiserver with the Gateway API and the chart."""
    with running() as server:
        server.kubectl("create", "-f", str(gotools.gateway_api()))
        server.kubectl("create", "namespace", "team-a")
        server.kubectl("label", "namespace", "team-a", "pod-security.kubernetes.io/enforce=restricted")
        helm(server, "install", "slipway", str(CHART), "--create-namespace", "--set", "workloadNamespaces={team-a}")
        yield server


@pytest.fixture(scope="module")
def operator(installed: ApiServer) -> Iterator[Path]:
    """The operator's log, while it runs as its service account."""
    port = free_port()
    settings = json.loads(config(installed)["settings.json"]) | {"http_port": port, "progress_port": free_port()}
    folder = installed.folder
    (folder / "settings.json").write_text(json.dumps(settings))
    kubeconfig = json.loads(installed.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": token(installed)}
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


def test_a_dataset_gets_its_job_status_and_events(installed: ApiServer, operator: Path) -> None:
    manifest = objects.changed(objects.dataset("rights"), "metadata.namespace", "team-a")
    assert installed.request("POST", objects.collection("Dataset", "team-a"), manifest).code == 201

    def worked() -> bool:
        jobs = installed.request("GET", "/apis/batch/v1/namespaces/team-a/jobs").body["items"]
        events = installed.request("GET", "/apis/events.k8s.io/v1/namespaces/team-a/events").body["items"]
        root = installed.request("GET", f"{objects.collection('Dataset', 'team-a')}/rights").body
        return bool(jobs and events and root.get("status", {}).get("conditions"))

    eventually(worked, operator)
    job = installed.request("GET", "/apis/batch/v1/namespaces/team-a/jobs").body["items"][0]
    assert offered(installed, as_pod(job, "team-a")).code == 201, "the Job's pods are not restricted"
    lease = installed.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/slipway-operator")
    assert lease.body["spec"]["holderIdentity"]


def test_nothing_was_forbidden(operator: Path) -> None:
    refused = [line for line in operator.read_text().splitlines() if "forbidden" in line.lower() or " 403" in line]
    assert refused == []


def config(server: ApiServer) -> dict[str, str]:
    return dict(server.request("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/slipway-settings").body["data"])


def token(server: ApiServer) -> str:
    """Return a token of the operator's service account, as its pod would have it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/slipway/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = server.request("POST", path, request)
    assert answer.code == 201, answer.message
    return str(answer.body["status"]["token"])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def eventually(holds: Callable[[], bool], log: Path, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        ended = process is not None and process.poll() is not None
        assert time.monotonic() < deadline, f"waited in vain; the operator's log:\n{log.read_text()[-3000:]}"
        assert not ended, f"the operator ended:\n{log.read_text()[-3000:]}"
        time.sleep(0.1)
