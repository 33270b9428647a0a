"""Do the named scenarios go as they should?

The 25 that other rollout tools were measured by, and those that hurt their users, each told once from beginning to end
in the world of tests/world: the operator's own engine and rules, in virtual time, with every safety rule checked after
every event.
"""

from __future__ import annotations

from typing import Any

from tests.world.prometheus import Behaviour
from tests.world.world import World


def serving(**spec: Any) -> World:
    """Return a world in which v1 serves, healthy."""
    world = World(**spec)
    world.until_state("Healthy")
    return world


def canary(percent: int = 10, **spec: Any) -> World:
    """Return a world in which v2 has `percent`, confirmed by the gateway."""
    world = serving(**spec)
    world.want("v2")
    world.until(lambda: world.status.percent == percent and world.status.step_started_at is not None)
    return world


def baking(**spec: Any) -> World:
    """Return a world in which v2 bakes."""
    world = serving(**spec)
    world.want("v2")
    world.until_state("Baking")
    return world


def stable(world: World) -> str:
    found = world.status.stable
    return found.version if found is not None else ""


def failing(world: World, version: str, percent: float = 100.0) -> None:
    world.prometheus.account()
    world.prometheus.behaves[version] = Behaviour(failing_percent=percent)


# People edit what is the operator's


def test_a_route_edited_while_a_version_drains_makes_it_drain_anew() -> None:
    world = baking()
    world.until(lambda: stable(world) == "v2")
    world.run(3)
    world.edit_route(50)
    world.gateway.take_over()
    assert world.live() == {"v2": 50, "v1": 50}
    world.until(lambda: world.live() == {"v2": 100})
    begun = world.now
    world.until(lambda: "v1" not in world.replicas())
    assert world.now - begun > 3


def test_a_share_without_a_candidate_is_put_right() -> None:
    world = serving()
    world.edit_status(percent=90, step=1)
    world.run(2)
    assert (world.status.percent, world.status.step) == (0, 0)
    assert world.routed() == {"v1": 100}
