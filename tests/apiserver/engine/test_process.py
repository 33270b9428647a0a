"""Does `python -m slipway.main` do its work as a process: start, lead, be killed, come back, hand over?"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from slipway.names import root_labels
from tests.apiserver.engine.test_client import dataset
from tests.apiserver.server import ApiServer, free_port

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "blueprint-assistant"
KINDS = {
    "Dataset": "/apis/slipway.dev/v1alpha1/namespaces/{}/datasets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
}


def until(found: Callable[[], T], seconds: float = 30) -> T:
    """Wait for something that other processes do, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return value


class Operator:
    """One operator process."""

    def __init__(self, server: ApiServer, space: str, folder: Path, name: str) -> None:
        self.http, self.progress = free_port(), free_port()
        settings = {
            "namespace": space,
            "watch_namespaces": [space],
            "images": {
                "data": "data@x",
                "train_torch": "train@x",
                "eval_blender": "blender@x",
                "serve_llamacpp": "serve@x",
                "proxy": "proxy@x",
            },
            "store": {"bucket": "slipway"},
            "http_port": self.http,
            "progress_port": self.progress,
        }
        file = folder / f"{name}.json"
        file.write_text(json.dumps(settings))
        self.log = folder / f"{name}.log"
        command = [
            sys.executable,
            "-m",
            "slipway.main",
            "--settings",
            str(file),
            "--kubeconfig",
            str(server.kubeconfig),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": "operator"}, stderr=log)

    def get(self, path: str) -> str | None:
        """Return an answer of the HTTP port; None if there is no good one."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            return None

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series."""
        lines = [
            line for line in (self.get("/metrics") or "").splitlines() if line.partition("{")[0].split()[0] == name
        ]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    @property
    def ready(self) -> bool:
        return self.get("/readyz") is not None

    @property
    def leads(self) -> bool:
        return self.metric("leader_election_master_status") == 1

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log; every line of it is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def start(server: ApiServer, space: str, tmp_path: Path) -> Iterator[Callable[[str], Operator]]:
    """Start operators; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def run(name: str) -> Operator:
            operator = Operator(server, space, tmp_path, name)
            stack.callback(lambda: operator.process.poll() is None and operator.end(signal.SIGKILL))
            return operator

        yield run


def objects(server: ApiServer, space: str, kind: str) -> list[Any]:
    """Return what the operator looks after, of one kind."""
    items = server.request("GET", KINDS[kind].format(space)).body["items"]
    return [item for item in items if kind == "Dataset" or item["metadata"].get("ownerReferences")]


def versions(server: ApiServer, space: str) -> dict[str, str]:
    """Return the resource version of everything."""
    return {
        f"{kind}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for kind in KINDS
        for item in objects(server, space, kind)
    }


def apply(server: ApiServer, wanted: dict[str, Any]) -> None:
    """Apply as a user does."""
    server.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(wanted))


def test_a_dataset_gets_its_job_and_keeps_it_through_a_kill(
    server: ApiServer, space: str, start: Callable[[str], Operator]
) -> None:
    first = start("first")
    until(lambda: first.leads)
    apply(server, dataset(space))
    [job] = until(lambda: objects(server, space, "Job"))
    [config] = until(lambda: objects(server, space, "ConfigMap"))
    [root] = objects(server, space, "Dataset")
    for child in (job, config):
        [owner] = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Dataset", root["metadata"]["uid"], True)
    until(lambda: objects(server, space, "Dataset")[0].get("status", {}).get("conditions"))
    until(lambda: first.metric("workqueue_depth") == 0 and first.metric("controller_runtime_active_workers") == 0)
    before = versions(server, space)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL

    second = start("second")
    until(lambda: second.leads, 40)  # the killed one's Lease has to run out
    until(lambda: second.metric("controller_runtime_reconcile_total") > 0)
    until(lambda: second.metric("workqueue_depth") == 0 and second.metric("controller_runtime_active_workers") == 0)
    assert second.metric("slipway_writes_total") == 0
    assert versions(server, space) == before
    assert second.end() == 0
    assert [line["message"] for line in second.lines()][-1] == "Lease released"


def push(operator: Operator, token: str, body: dict[str, Any]) -> int:
    """Push progress as a pod does; return the answer's code."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{operator.progress}/v1/progress",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_a_pods_progress_reaches_its_training_job(
    server: ApiServer, space: str, start: Callable[[str], Operator]
) -> None:
    operator = start("only")
    until(lambda: operator.leads)
    training = yaml.safe_load((EXAMPLE / "training-v1.yaml").read_text())
    training["metadata"]["namespace"] = space
    apply(server, training)
    path = f"/apis/slipway.dev/v1alpha1/namespaces/{space}/trainingjobs/{training['metadata']['name']}"
    root = server.request("GET", path).body["metadata"]
    accounts = f"/api/v1/namespaces/{space}/serviceaccounts"
    assert server.request("POST", accounts, {"metadata": {"name": "pods"}}).code == 201
    labels = root_labels("TrainingJob", root["name"], root["uid"])
    spec = {"serviceAccountName": "pods", "containers": [{"name": "main", "image": "x"}]}
    pod = {"metadata": {"name": "trainer", "labels": labels}, "spec": spec}
    made = server.request("POST", f"/api/v1/namespaces/{space}/pods", pod)
    assert made.code == 201, made.message

    def token(**more: Any) -> str:
        wanted = {"spec": {"audiences": ["slipway-progress"], "expirationSeconds": 600, **more}}
        return str(server.request("POST", f"{accounts}/pods/token", wanted).body["status"]["token"])

    bound = {"kind": "Pod", "apiVersion": "v1", "name": "trainer", "uid": made.body["metadata"]["uid"]}
    figures = {"step": 3, "steps": 12, "loss": 1.25, "phase": "Training"}
    assert push(operator, token(), figures) == 401  # a token of the account that names no pod
    until(lambda: push(operator, token(boundObjectRef=bound), figures) == 202)
    progress = until(lambda: server.request("GET", path).body.get("status", {}).get("progress"))
    assert (progress["percent"], progress["loss"], progress["phase"]) == (25, "1.25", "Training")
    until(lambda: server.request("GET", path).body["status"].get("conditions"))
    found = server.request("GET", path).body
    assert found["status"]["progress"] == progress
    assert {"slipway-status", "slipway-progress"} <= {field["manager"] for field in found["metadata"]["managedFields"]}
    assert operator.end() == 0


def test_two_replicas_hand_over_when_the_leader_stops(
    server: ApiServer, space: str, start: Callable[[str], Operator]
) -> None:
    first = start("first")
    until(lambda: first.leads)
    second = start("second")
    until(lambda: second.ready)
    apply(server, dataset(space, "one"))
    until(lambda: objects(server, space, "Job"))
    assert not second.leads
    assert second.metric("slipway_store_objects") >= 3  # warm
    assert second.metric("slipway_writes_total") == 0
    assert first.end() == 0
    until(lambda: second.leads, 6)
    apply(server, dataset(space, "two"))
    until(lambda: len(objects(server, space, "Job")) == 2)
    assert second.end() == 0
    assert not [line for line in second.lines() if line["level"] in {"error", "critical"}]


def test_a_leader_whose_lease_is_taken_leaves_at_once(
    server: ApiServer, space: str, start: Callable[[str], Operator]
) -> None:
    operator = start("only")
    until(lambda: operator.leads)
    path = f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases/slipway-operator"
    thief = json.dumps({"spec": {"holderIdentity": "thief"}}).encode()
    assert server.request("PATCH", path, json.loads(thief), "application/merge-patch+json").code == 200
    assert operator.process.wait(15) == 3
    assert "leadership lost; leaving at once" in [line["message"] for line in operator.lines()]
    assert server.request("GET", path).body["spec"]["holderIdentity"] == "thief"
