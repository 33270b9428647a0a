"""Does `kubectl describe` of a Rollout that was rolled back tell the whole story, and is it short enough to be read?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.apiserver.objects import collection, create
from tests.apiserver.server import ApiServer
from tests.apiserver.test_kubectl_plugin import write_status
from tests.unit.rollout.world import ROLLOUT, Behaviour, World, serving

RELATIVE = {"name": "errors", "errorRate": {"maxIncreasePercent": "2", "minSamples": 20}}
ANALYSIS = {"intervalSeconds": 10, "windowSeconds": 60, "metrics": [RELATIVE]}


def rolled_back() -> World:
    """Return a world in which v2 failed beside v1, was taken back, and is gone."""
    world = serving(analysis=ANALYSIS)
    world.behaves |= {"v1": Behaviour(failing_percent=1), "v2": Behaviour(failing_percent=40)}
    world.want("v2")
    world.until("Degraded")
    return world


@pytest.fixture
def described(server: ApiServer) -> Iterator[str]:
    world = rolled_back()
    meta = {"name": ROLLOUT, "namespace": "default"}
    manifest = {**world.root, "metadata": meta}
    manifest.pop("status")
    create(server, manifest)
    write_status(server, manifest, world.root["status"])
    yield server.kubectl("describe", "rollout.slipway.dev", ROLLOUT, "-n", "default")
    server.request("DELETE", f"{collection('Rollout')}/{ROLLOUT}")


def test_the_story_of_a_rollback_stands_in_one_message(described: str) -> None:
    [message] = re.findall(r"^  Message: +(.+)$", described, re.MULTILINE)
    told = (
        r"v2 had traffic from 2026-\S+ and was rolled back at 2026-\S+ \(MetricFailed\)",
        r"at 10 %: errors failed: candidate 40.00 % of \d+ failed, stable [\d.]+ % of \d+ \(allowed \+2\)",
        r"v1 at 100 % \(2 of 2 pods ready\)",
        r"to try it once more: kubectl -n games annotate rollout assistant --overwrite slipway.dev/retry=v2",
    )
    missing = [words for words in told if not re.search(words, message)]
    assert not missing, message


def test_it_is_no_longer_than_two_screens(described: str) -> None:
    status = described.partition("\nStatus:")[2]
    assert len(status.splitlines()) <= 100, described
