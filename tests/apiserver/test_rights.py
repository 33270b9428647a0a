"""The operator, started with the chart's settings and nothing but the chart's rights, does its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.setup import gotools
from tests.apiserver import objects
from tests.apiserver.operating import eventually, operating
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import as_pod, helm, offered
from tests.unit.chart.render import CHART, NAMESPACE


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
    with operating(installed) as log:
        yield log


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
