"""What do these tests share? The cluster of tests/apiserver/jobs, with the real Kueue in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver.jobs.cluster import Cluster, controllers
from tests.apiserver.kueue.manager import kueue
from tests.apiserver.operating import operating
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import helm
from tests.unit.chart.render import CHART


@pytest.fixture(scope="package")
def installed() -> Iterator[ApiServer]:
    """An apiserver with Kubernetes' controllers, Kueue, and our chart."""
    with running(accounts=True) as server, controllers(server), kueue(server.kubeconfig, server.folder):
        helm(server, "install", "slipway", str(CHART), "--create-namespace")
        yield server


@pytest.fixture(scope="package")
def operator(installed: ApiServer) -> Iterator[Path]:
    """The operator's log, while it runs with the chart's rights."""
    with operating(installed) as log:
        yield log


@pytest.fixture
def cluster(installed: ApiServer, operator: Path) -> Cluster:
    """A namespace of its own."""
    return Cluster.fresh(installed, operator)
