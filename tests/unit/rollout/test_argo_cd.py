"""Does the health check of docs/how-to/argo-cd.md say in Argo CD's words what a Rollout says?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slipway.api.conditions import READY
from tests.unit.rollout.argo import health
from tests.world.prometheus import Behaviour
from tests.world.world import World, steps

PAUSING = {"canary": {"steps": [{"percent": 10, "holdSeconds": 5}, {"pause": {}}]}}


def healthy(world: World) -> None:
    world.until_state("Healthy")


def progressing(world: World) -> None:
    world.until_state("Healthy")
    world.want("v2")
    world.until_state("Progressing")


def baking(world: World) -> None:
    progressing(world)
    world.until_state("Baking")


def paused(world: World) -> None:
    world.edit(strategy=PAUSING)
    progressing(world)
    world.until_state("Paused")


def rolled_back(world: World) -> None:
    world.prometheus.behaves["v2"] = Behaviour(failing_percent=100)
    progressing(world)
    world.until_state("Degraded")


def stalled(world: World) -> None:
    world.until_state("Healthy")
    world.set_version("v2", "Rejected")
    world.want("v2")
    world.until_state("Stalled")


@pytest.mark.parametrize(
    ("lives", "shown"),
    [
        (healthy, "Healthy"),
        (progressing, "Progressing"),
        (baking, "Progressing"),
        (paused, "Suspended"),
        (rolled_back, "Degraded"),
        (stalled, "Degraded"),
    ],
    ids=lambda found: getattr(found, "__name__", found),
)
def test_argo_cd_shows_each_state_in_its_words(lives: Callable[[World], None], shown: str) -> None:
    world = World(strategy=steps(10, 50))
    lives(world)
    status, message = health(world.root)
    assert status == shown
    ready = next(c for c in world.status.conditions if c.type == READY)
    assert message == ready.message


def test_what_was_said_of_an_older_spec_is_progress() -> None:
    world = World()
    assert health(world.root) == ("Progressing", "waiting for the operator")
    world.until_state("Healthy")
    edited = {
        **world.root,
        "metadata": {**world.root["metadata"], "generation": world.root["metadata"]["generation"] + 1},
    }
    assert health(edited) == ("Progressing", "waiting for the operator")
