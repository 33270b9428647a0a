"""What do the tests in this folder share? One apiserver with our CRDs, and a way to offer it objects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.api.kinds import KINDS
from tests.apiserver.server import ApiServer, running

ROOT = Path(__file__).resolve().parents[2]
GROUP = "/apis/slipway.dev/v1alpha1"


@pytest.fixture(scope="session")
def bare() -> Iterator[ApiServer]:
    """An apiserver that knows the built-in kinds only."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def server(bare: ApiServer) -> ApiServer:
    """An apiserver with the four kinds, established."""
    bare.kubectl("create", "-f", str(ROOT / "crds"))  # not by Python's parser: users have Go's
    for kind in KINDS:
        _await_served(bare, kind.plural)
    return bare


def _await_served(server: ApiServer, plural: str) -> None:
    """Wait until a kind is served and discovered: short names come from discovery, which follows a moment later."""
    deadline = time.monotonic() + 30
    while server.request("GET", f"{GROUP}/{plural}").code != 200 or plural not in _discovered(server):
        assert time.monotonic() < deadline, f"{plural} is not served"
        time.sleep(0.05)


def _discovered(server: ApiServer) -> set[str]:
    answer = server.request("GET", GROUP)
    return {one["name"] for one in answer.body["resources"]} if answer.code == 200 else set()
