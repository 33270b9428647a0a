"""Does what a Rollout says of itself read as a short, complete story?"""

from __future__ import annotations

import re

import pytest

from slipway.rollout.conditions import STATES
from tests.unit.rollout.test_room import SAFETY
from tests.unit.rollout.world import Behaviour, World, canary, serving


def test_a_rolled_back_rollout_tells_what_failed_since_when_and_what_to_do() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "5", "maxIncreasePercent": "2", "minSamples": 20}}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]})
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.until("Degraded")
    told = world.status.message
    last = world.status.last_rollback
    assert last is not None
    parts = [
        f"v2 had traffic from {last.traffic_since}",  # since when
        f"was rolled back at {last.at} (MetricFailed)",  # what was done
        "at 10 %: errors failed",  # which metric, where
        "30.00 %",  # with which numbers
        "Serving: v1 at 100 % (2 of 2 pods ready)",  # what holds now
        "Name another version in spec.version.name",  # what to do
        "kubectl -n games annotate rollout assistant --overwrite slipway.dev/retry=v2",
    ]
    places = [told.find(part) for part in parts]
    assert -1 not in places, f"{parts[places.index(-1)]!r} is missing in: {told}"
    assert places == sorted(places), "in the order in which one wants to know it"


def test_a_verdict_by_an_absolute_bound_tells_the_figures_of_both_sides_everywhere() -> None:
    metrics = [
        {"name": "errors", "errorRate": {"maxPercent": "5", "minSamples": 20}},
        {"name": "slow", "latency": {"quantilePercent": 95, "maxMilliseconds": 500, "minSamples": 20}},
    ]
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": metrics})
    world.run(15)
    found = {entry.metric: entry for entry in world.status.analysis}
    assert found["slow"].stable is not None
    assert f"(stable: {float(found['slow'].stable):.0f} ms of {found['slow'].stable_samples})" in found["slow"].message
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.until("RollingBack")
    assert world.status.last_rollback is not None
    [event] = [event for event in world.events if event.reason == "RolledBack"]
    for told in (world.status.last_rollback.message, event.message, world.status.message):
        assert re.search(r"errors failed: .* failed, allowed 5 % \(stable: 0\.00 % of \d+\)", told), told


def test_the_documentation_says_of_every_state_what_to_do_and_of_no_other() -> None:
    section = SAFETY.read_text().partition("## The states, and what to do")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)
    assert {state for state, _, _ in rows} == set(STATES)
    assert len(rows) == len(STATES)
    assert all(len(meaning) > 20 and todo.strip() for _, meaning, todo in rows)


def test_a_gateway_that_does_not_exist_is_told_with_the_cure() -> None:
    world = World(spec={"traffic": {"gateway": {"name": "nobody"}, "hostnames": ["a.example"]}})
    for _ in range(5):
        world.kubelet()
        world.reconcile()
    assert world.state == "Initializing"
    for words in ("Gateway games/nobody", "create that Gateway or correct spec.traffic.gateway", "allowedRoutes"):
        assert words in world.status.message


def test_samples_that_never_come_are_warned_of_and_the_warning_goes_with_its_cause() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 5000}}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]})
    world.run(40)
    [warning] = [c for c in world.status.conditions if c.type == "SamplesUnreachable"]
    assert warning.status == "True"
    assert "lower minSamples" in warning.message
    assert world.reasons().count("SamplesUnreachable") == 1
    world.run(60)
    assert world.reasons().count("SamplesUnreachable") == 1, "told once"
    analysis = world.root["spec"]["analysis"] | {"metrics": [metric | {"errorRate": {"maxPercent": "2"}}]}
    world.edit(world.root["spec"] | {"analysis": analysis})
    world.until("Baking")
    assert [c.type for c in world.status.conditions if c.type == "SamplesUnreachable"] == []


@pytest.mark.parametrize("percent", [10, 50])
def test_an_autoscaler_that_finds_no_room_ends_no_good_candidate(percent: int) -> None:
    world = canary(percent)
    world.places = 4
    world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": 12}})
    world.annotate("slipway.dev/pause", "v2")
    world.run(700, step=10)
    assert world.status.last_rollback is None
    assert world.status.percent == percent


def test_a_scale_up_in_the_bake_holds_promotion_until_there_is_room() -> None:
    world = serving()
    world.want("v2")
    world.until("Baking")
    world.places = 4
    world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": 4}})
    world.run(700, step=10)
    assert world.state == "Baking"
    assert "pods ready" in world.status.message
    world.places = None
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v2"
