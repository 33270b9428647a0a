"""What do the tests in this folder share? One apiserver with our CRDs, and a way to offer it objects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver.server import ApiServer, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def bare() -> Iterator[ApiServer]:
    """An apiserver that knows the built-in kinds only."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def server(bare: ApiServer) -> ApiServer:
    """An apiserver with the four kinds, established."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        answer = bare.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        assert answer.code == 201, f"{path.name}: {answer.message}"
        _await_served(bare, crd["metadata"]["name"].partition(".")[0])
    return bare


def _await_served(server: ApiServer, plural: str) -> None:
    deadline = time.monotonic() + 30
    while server.request("GET", f"/apis/slipway.dev/v1alpha1/{plural}").code != 200:
        assert time.monotonic() < deadline, f"{plural} is not served"
        time.sleep(0.05)
