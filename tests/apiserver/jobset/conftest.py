"""What do these tests share? The cluster of tests/apiserver/jobs, with the real JobSet and the real Kueue in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.apiserver.jobs.cluster import controllers
from tests.apiserver.jobset.manager import jobset
from tests.apiserver.kueue.manager import kueue
from tests.apiserver.operated import cluster, operator
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import helm
from tests.unit.chart.render import CHART

__all__ = ("cluster", "installed", "operator")


@pytest.fixture(scope="package")
def installed() -> Iterator[ApiServer]:
    """An apiserver with Kubernetes' controllers, JobSet, Kueue, and our chart."""
    with ExitStack() as stack:
        server = stack.enter_context(running(accounts=True))
        stack.enter_context(controllers(server))
        stack.enter_context(jobset(server.kubeconfig, server.folder))
        stack.enter_context(kueue(server.kubeconfig, server.folder, ("batch/job", "jobset.x-k8s.io/jobset")))
        helm(server, "install", "slipway", str(CHART), "--create-namespace")
        yield server
