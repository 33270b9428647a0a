"""Commands name the version that they mean, and are refused where the operator would do nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.api.rollout import CommandName
from slipway.kubectl.commands import AIMS, COMMANDS, Order, meant
from slipway.kubectl.failures import Refused
from slipway.kubectl.release import read
from tests.unit.kubectl import manifests as m
from tests.unit.rollout.world import Behaviour, World, baking, canary, serving

PAUSING = {"strategy": {"canary": {"steps": [{"percent": 10, "holdSeconds": 30}, {"pause": {}}, {"percent": 50}]}}}


def at_pause() -> World:
    world = canary(10, **PAUSING)
    world.until("Paused")
    return world


def held() -> World:
    world = canary(10)
    write(world, "pause", "v2")
    return world


def rolled_back() -> World:
    world = canary(10)
    world.behaves["v2"] = Behaviour(failing_percent=50)
    world.until("RollingBack")
    world.until("Degraded")
    return world


def preview() -> World:
    blue_green = {"previewHostnames": ["next.example"], "holdSeconds": 5, "autoPromote": False}
    world = serving(strategy={"blueGreen": blue_green})
    world.want("v2")
    for _ in range(10):
        world.tick()
        world.now += timedelta(seconds=1)
    assert world.status.candidate is not None
    return world


def superseded() -> World:
    world = canary(10)
    world.want("not-there")
    world.tick()
    return world


def first() -> World:
    world = World()
    world.tick()
    return world


WORLDS: dict[str, Callable[[], World]] = {
    "stepping": lambda: canary(10),
    "at a pause": at_pause,
    "paused by command": held,
    "baking": baking,
    "on a preview": preview,
    "serving": serving,
    "rolled back": rolled_back,
    "superseded by nothing that can serve": superseded,
    "first version": first,
}


def write(world: World, command: CommandName, version: str) -> str:
    """Write a command as the plugin does, let the operator look once, and return the outcome."""
    order = Order(command, version, world.now)
    world.annotate(order.key, order.value)
    world.reconcile()
    answer = order.answered(read(world.root))
    assert answer is not None, "the operator must answer what the plugin writes"
    return answer.outcome


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", WORLDS)
def test_the_plugin_refuses_what_the_operator_would_refuse(name: str, command: CommandName) -> None:
    world = WORLDS[name]()
    try:
        version = meant(command, read(world.root))
    except Refused:
        for version in ("v1", "v2"):
            assert write(world, command, version) != "Done"
    else:
        assert write(world, command, version) == "Done"


def test_every_command_has_an_aim() -> None:
    assert set(AIMS) == set(COMMANDS)


def test_a_value_names_the_version_and_is_new_every_time() -> None:
    order = Order("promote", "v2", datetime(2026, 11, 20, 3, 0, 0, 42, tzinfo=UTC))
    assert (order.key, order.value) == ("slipway.dev/promote", "v2@2026-11-20T03:00:00.000042Z")


@pytest.mark.parametrize(
    ("command", "manifest", "words"),
    [
        ("promote", m.STEPPING, "waits at no step with pause (step 1 of 3); skip-step ends the present step"),
        ("promote", m.HELD, "v2 waits at no step with pause"),
        ("skip-step", m.HELD, "kubectl slipway rollout resume assistant -n games"),
        ("resume", m.AT_PAUSE, "kubectl slipway rollout promote assistant -n games"),
        ("abort", m.HEALTHY, "no version is on its way (Healthy, v1 serves)"),
        ("abort", m.FIRST, "v2 is the first version"),
        ("skip-step", m.BAKING, "the bake is not skipped"),
        ("retry", m.HEALTHY, "v1, which spec.version names, has not failed"),
        ("retry", m.STALLED | {"status": m.STALLED["status"] | {"failed": [m.FAILED]}}, "failed: v2"),
    ],
)
def test_a_refusal_says_why_and_how_to_insist(command: CommandName, manifest: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        meant(command, read(manifest))
    assert str(refused.value).startswith(f"{command} would do nothing: ")
    assert words in str(refused.value)
    assert str(refused.value).endswith("--version VERSION writes the command all the same")


def test_a_command_overrules_no_verdict() -> None:
    failing = m.AT_PAUSE | {"status": m.AT_PAUSE["status"] | {"analysis": m.JUDGED}}
    with pytest.raises(Refused, match="errors fails, and a command overrules no verdict: errors in words"):
        meant("promote", read(failing))
    assert meant("abort", read(failing)) == "v2"
