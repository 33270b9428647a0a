"""Is a token read anew in time, and not at every request?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.kube.connection import REREAD_SECONDS, Kubeconfig


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> list[str]:
    """The tokens that the loader's hook gave out, one for each time it was asked."""
    return []


@pytest.fixture
def connection(tmp_path: Path, clock: Clock, asked: list[str]) -> Kubeconfig:
    file = tmp_path / "config"
    config = {
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "x", "user": {"token": "first"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    file.write_text(json.dumps(config))
    found = Kubeconfig(str(file), clock)

    def hook(configuration: object) -> None:
        asked.append(f"token-{len(asked)}")
        found._configuration.api_key["BearerToken"] = f"Bearer {asked[-1]}"

    found._configuration.refresh_api_key_hook = hook
    return found


def test_a_token_serves_many_requests(connection: Kubeconfig, asked: list[str]) -> None:
    assert {connection.headers()["Authorization"] for _ in range(100)} == {"Bearer token-0"}
    assert len(asked) == 1


def test_a_token_is_read_anew_when_it_is_old(connection: Kubeconfig, clock: Clock, asked: list[str]) -> None:
    connection.headers()
    clock.now += REREAD_SECONDS + 1
    assert connection.headers() == {"Authorization": "Bearer token-1"}
    assert len(asked) == 2


def test_a_refused_token_is_read_anew(connection: Kubeconfig) -> None:
    connection.headers()
    connection.forget()
    assert connection.headers() == {"Authorization": "Bearer token-1"}
    assert connection.for_kopf().token == "token-2"
