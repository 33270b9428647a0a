"""What do these tests share? A cluster with everything of Kubernetes but nodes, our chart, and our operator at work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.setup import gotools
from tests.apiserver.jobs.cluster import controllers
from tests.apiserver.operated import cluster, operator
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import helm
from tests.unit.chart.render import CHART

__all__ = ("cluster", "installed", "operator")


@pytest.fixture(scope="package")
def installed() -> Iterator[ApiServer]:
    """An apiserver with Kubernetes' controllers, the Gateway API, and our chart."""
    with running(accounts=True) as server, controllers(server):
        server.kubectl("create", "-f", str(gotools.gateway_api()))
        helm(server, "install", "slipway", str(CHART), "--create-namespace")
        yield server
