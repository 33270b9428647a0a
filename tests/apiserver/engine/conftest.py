"""What do the engine's tests against a real apiserver share?"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from slipway.kube.client import KubeClient
from slipway.kube.connection import Kubeconfig
from slipway.metrics.operator import OperatorMetrics
from tests.apiserver.server import ApiServer


@pytest.fixture
def space(server: ApiServer) -> str:
    """A new namespace."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.code == 201, made.message
    return name


@pytest.fixture
def connection(server: ApiServer) -> Kubeconfig:
    """The administrator's connection."""
    return Kubeconfig(str(server.kubeconfig))


@pytest.fixture
async def api(connection: Kubeconfig) -> AsyncIterator[KubeClient]:
    """A client of the real apiserver."""
    client = KubeClient(connection, OperatorMetrics())
    yield client
    await client.close()
