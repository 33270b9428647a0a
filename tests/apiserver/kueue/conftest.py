"""What do these tests share? The cluster of tests/apiserver/jobs, with the real Kueue in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.jobs.cluster import controllers
from tests.apiserver.kueue.manager import kueue
from tests.apiserver.operated import cluster, operator
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import helm
from tests.unit.chart.render import CHART

__all__ = ("cluster", "installed", "operator")


@pytest.fixture(scope="package")
def installed() -> Iterator[ApiServer]:
    """An apiserver with Kubernetes' controllers, Kueue, and our chart."""
    with running(accounts=True) as server, controllers(server), kueue(server.kubeconfig, server.folder):
        helm(server, "install", "slipway", str(CHART), "--create-namespace")
        yield server
