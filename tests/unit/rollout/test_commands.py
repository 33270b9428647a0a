"""Does each command do what it says, once, and only to the version that it names?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from slipway.api.rollout import COMMAND_PREFIX, Command
from tests.unit.rollout.world import Behaviour, World, baking, canary, serving

GATED = {"canary": {"steps": [{"percent": 10, "holdSeconds": 30}, {"pause": {}}, {"percent": 50, "holdSeconds": 30}]}}
SECOND = timedelta(seconds=1)
COMMANDS = ["abort", "pause", "resume", "promote", "skip-step", "promote-full"]


def write(world: World, name: str, value: str) -> Command:
    """Write a command and let the operator see it; return what became of it."""
    world.annotate(f"{COMMAND_PREFIX}{name}", value)
    world.tick()
    return next(command for command in world.status.commands if command.name == name)


def gated(**spec: Any) -> World:
    """Return a world in which v2 waits at a step with pause."""
    world = serving(strategy=GATED, **spec)
    world.want("v2")
    world.until("Paused")
    world.events.clear()
    return world


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_names_another_version_does_nothing_and_says_so(name: str) -> None:
    world = canary(10)
    before = world.routed()
    command = write(world, name, "v1@7")
    assert (command.outcome, command.value) == ("Stale", "v1@7")
    assert "v2 is on its way" in command.message
    assert world.reasons() == ["CommandStale"]
    assert (world.routed(), world.state) == (before, "Progressing")
    world.run(5)
    assert world.reasons().count("CommandStale") == 1, "told once"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_for_an_earlier_version_never_hits_the_next(name: str) -> None:
    world = serving()
    world.annotate(f"{COMMAND_PREFIX}{name}", "v2")
    world.tick()
    assert world.status.commands[0].outcome == "Stale"
    world.want("v3")
    world.until("Healthy")
    assert world.status.stable is not None
    assert world.status.stable.version == "v3"
    assert world.status.failed == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_version_takes_no_commands(name: str) -> None:
    world = World()
    world.reconcile()
    world.annotate(f"{COMMAND_PREFIX}{name}", "v1")
    world.reconcile()
    assert world.status.commands[0].outcome == "Refused"
    world.until("Healthy")


def test_a_command_written_together_with_its_version_counts() -> None:
    world = serving()
    world.annotate("slipway.dev/promote-full", "v2")
    world.want("v2")
    world.tick()
    assert world.status.commands[0].outcome == "Done"
    world.until("Baking")
    assert "StepPassed" not in world.reasons()


@pytest.mark.parametrize("make", [lambda: canary(10), lambda: canary(50), baking, gated])
def test_abort_returns_everything_at_once_and_is_remembered(make) -> None:  # type: ignore[no-untyped-def]
    world = make()
    world.broken["v1"] = {"phase": "Pending"}
    assert write(world, "abort", "v2").outcome == "Done"
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "Aborted"
    world.broken.clear()
    world.until("Degraded")
    world.run(100, step=5)
    assert world.state == "Degraded", "not tried again"
    assert write(world, "retry", "v2").outcome == "Done"
    world.until("Paused" if make is gated else "Healthy")


def test_an_abort_waits_for_no_gateway() -> None:
    world = canary(10)
    world.annotate("slipway.dev/abort", "v2")
    world.objects["HTTPRoute", "assistant"]["status"] = {}
    world.reconcile()
    assert world.routed() == {"v1": 100, "v2": 0}


def test_pause_holds_the_share_and_judges_on() -> None:
    world = canary(10)
    assert write(world, "pause", "v2").outcome == "Done"
    world.run(600, step=10)
    assert (world.state, world.status.percent) == ("Paused", 10)
    assert "slipway.dev/resume=v2" in world.status.message
    assert world.status.analysis[0].at > "2026-11-20T03:09", "judged on"
    assert write(world, "resume", "v2").outcome == "Done"
    world.until("Healthy")


def test_a_paused_candidate_is_rolled_back_by_its_metrics() -> None:
    world = canary(10)
    write(world, "pause", "v2")
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.run(30)
    assert world.routed()["v1"] == 100
    assert world.status.paused is None
    assert world.status.last_rollback is not None


def test_a_pause_while_the_next_share_is_prepared_keeps_the_present_one() -> None:
    world = canary(10, serving={"runtime": {"llamaCpp": {}}, "replicas": 4})
    while world.status.step == 0:
        world.scrape()
        world.reconcile()  # the kubelet starts no pod
        world.now += SECOND
    write(world, "pause", "v2")
    world.run(60)
    assert (world.status.percent, world.state) == (10, "Paused")
    assert world.ready("v2") == 2, "pods are prepared meanwhile"
    write(world, "resume", "v2")
    world.until("Healthy")


def test_a_paused_candidate_that_loses_its_pods_comes_back_to_its_share() -> None:
    world = canary(50)
    write(world, "pause", "v2")
    world.broken["v2"] = {"phase": "Pending"}
    world.run(5)
    assert world.routed() == {"v1": 100, "v2": 0}
    world.broken.clear()
    world.run(5)
    assert world.routed() == {"v1": 50, "v2": 50}
    assert world.state == "Paused"


def test_a_pause_in_the_bake_keeps_the_old_version_warm() -> None:
    world = baking()
    write(world, "pause", "v2")
    world.run(600, step=20)
    assert world.state == "Paused"
    assert world.replicas() == {"v1": 2, "v2": 2}
    write(world, "resume", "v2")
    world.until("Healthy")


def test_a_gate_waits_for_promote_and_says_how() -> None:
    world = gated()
    world.run(600, step=30)
    assert (world.state, world.status.percent) == ("Paused", 10)
    assert "kubectl -n games annotate rollout assistant --overwrite slipway.dev/promote=v2" in world.status.message
    assert write(world, "resume", "v2").outcome == "Refused"
    assert write(world, "promote", "v2").outcome == "Done"
    assert world.status.step == 2
    world.until("Healthy")


def test_a_gate_before_all_traffic_waits_with_ready_pods() -> None:
    world = serving(strategy={"canary": {"steps": [{"pause": {}}, {"percent": 50, "holdSeconds": 30}]}})
    world.want("v2")
    world.until("Paused")
    assert world.replicas() == {"v1": 2, "v2": 1}
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.status.analysis == []
    write(world, "promote", "v2")
    world.until("Healthy")


def test_a_pause_with_seconds_ends_by_itself_or_earlier_by_promote() -> None:
    steps = [{"percent": 10, "holdSeconds": 10}, {"pause": {"seconds": 300}}, {"percent": 50, "holdSeconds": 10}]
    for early in (False, True):
        world = serving(strategy={"canary": {"steps": steps}})
        world.want("v2")
        world.until("Paused")
        started = world.now
        if early:
            assert write(world, "promote", "v2").outcome == "Done"
        world.until("Baking")
        assert ((world.now - started).total_seconds() > 300) != early


def test_promote_elsewhere_is_refused_with_what_to_write_instead() -> None:
    command = write(canary(10), "promote", "v2")
    assert command.outcome == "Refused"
    assert "skip-step" in command.message


def test_skip_step_ends_the_step_without_its_metrics() -> None:
    world = canary(10)
    world.prometheus = False
    assert write(world, "skip-step", "v2").outcome == "Done"
    world.run(3)
    assert world.status.percent == 50
    world.run(100, step=5)
    assert world.status.percent == 50, "it skips one step"


@pytest.mark.parametrize("name", ["skip-step", "promote-full"])
def test_no_command_overrules_a_forgiven_failure(name: str) -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}, "failureLimit": 50}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 20, "metrics": [metric]})
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.run(15)
    assert world.status.analysis[0].outcome == "Fail"
    command = write(world, name, "v2")
    assert command.outcome == "Refused"
    assert "overrules no verdict" in command.message
    assert world.status.percent == 10


@pytest.mark.parametrize("name", ["skip-step", "promote-full", "promote"])
def test_no_command_saves_a_candidate_that_fails_in_the_same_moment(name: str) -> None:
    world = gated()
    world.behaves["v2"] = Behaviour(failing_percent=30)
    for _ in range(15):
        if world.due:
            world.annotate(f"{COMMAND_PREFIX}{name}", "v2")
        world.scrape()
        world.reconcile()
        world.now += SECOND
        if world.status.last_rollback is not None:
            break
    assert world.routed() == {"v1": 100, "v2": 0}
    assert world.status.commands[0].outcome in ("Stale", "Refused", "Done")


def test_promote_full_cancels_judgements_and_the_bake_still_judges() -> None:
    world = canary(10)
    world.prometheus = False
    world.run(20)
    assert write(world, "promote-full", "v2").outcome == "Done"
    assert [entry.outcome for entry in world.status.analysis] == ["Cancelled"]
    world.until("Baking")
    world.run(600, step=20)
    assert world.state == "Baking", "silence promotes nothing"
    assert write(world, "promote-full", "v2@again").outcome == "Refused"
    world.prometheus = True
    world.behaves["v2"] = Behaviour(failing_percent=30)
    world.run(30)
    assert world.routed()["v1"] == 100


def test_promote_full_waits_for_capacity() -> None:
    world = canary(10, serving={"runtime": {"llamaCpp": {}}, "replicas": 4})
    world.annotate("slipway.dev/promote-full", "v2")
    for _ in range(5):
        world.gateway()
        world.reconcile()
    assert world.status.percent == 10
    assert world.replicas()["v2"] == 4
    world.tick()
    assert world.status.percent == 100


def test_a_command_acts_once_and_its_repetition_is_told_in_full() -> None:
    world = gated()
    write(world, "promote", "v2")
    world.until("Healthy")
    world.want("v1")
    world.until("Paused")
    assert "slipway.dev/promote=v1" in world.status.message
    write(world, "promote", "v1")
    world.until("Healthy")
    world.want("v2")
    world.until("Paused")
    command = world.status.message.rpartition("slipway.dev/promote=")[2]
    assert command == "v2", "another version was named since: the old value is new again"


def test_handled_commands_are_one_entry_each() -> None:
    world = canary(10)
    for number in range(20):
        write(world, "pause", f"v2@{number}")
        write(world, "resume", f"v2@{number}")
    assert [command.name for command in world.status.commands] == ["pause", "resume"]


@pytest.mark.parametrize("how", ["Error", "NoData"])
def test_silence_pauses_where_the_policy_says_so_and_is_counted_anew_after_resume(how: str) -> None:
    analysis = serving().root["spec"]["analysis"] | {"noData": {"afterSeconds": 60, "action": "Pause"}}
    world = canary(10, analysis=analysis)
    if how == "Error":
        world.prometheus = False
    else:
        world.behaves["v2"] = Behaviour(requests_per_second=0)
    world.until("Paused")
    assert world.status.paused is not None
    assert world.status.paused.by == "NoData"
    assert "no answer for 60 s" in world.status.message
    world.run(300, step=15)
    assert world.reasons().count("Paused") == 1
    write(world, "resume", "v2")
    assert world.state == "Progressing"
    world.until("Paused", limit=70)
    world.prometheus = True
    world.behaves.clear()
    write(world, "resume", "v2@2")
    world.until("Healthy")


def test_errors_are_counted_anew_after_resume() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2"}, "errorLimit": 3}
    policy = {"afterSeconds": 600, "action": "Pause"}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric], "noData": policy})
    world.prometheus = False
    world.until("Paused", 60)
    write(world, "resume", "v2")
    assert world.state == "Progressing"
    world.run(25)
    assert world.state == "Progressing", "two or three more are within the limit"
    world.until("Paused", 30)


@pytest.mark.parametrize("pauses", [0, 1])
def test_edited_shares_of_the_same_number_are_held_anew(pauses: int) -> None:
    world = canary(10)
    world.run(29)
    percents = [10, 90]
    steps: list[dict[str, Any]] = [{"percent": percent, "holdSeconds": 30} for percent in percents]
    steps[1:1] = [{"pause": {}}] * pauses
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": steps}}})
    world.run(25)
    assert (world.status.percent, world.status.step) == (10, 0)
    assert "StepsEdited" in world.reasons()
    world.run(15)
    assert world.status.step == 1


def test_an_edit_at_a_later_step_goes_to_the_last_share_not_above() -> None:
    world = canary(50)
    steps = [{"percent": 20, "holdSeconds": 30}, {"percent": 80, "holdSeconds": 30}]
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": steps}}})
    world.tick()
    assert (world.status.step, world.routed()) == (0, {"v1": 80, "v2": 20})


def test_an_edited_hold_takes_effect_without_beginning_anew() -> None:
    world = canary(10)
    world.run(20)
    started = world.status.step_started_at
    steps = [{"percent": 10, "holdSeconds": 3600}, {"percent": 50, "holdSeconds": 30}]
    world.edit(world.root["spec"] | {"strategy": {"canary": {"steps": steps}}})
    world.run(100)
    assert (world.status.step, world.status.step_started_at) == (0, started)


def test_a_step_may_ask_for_more_pods_than_its_share_needs() -> None:
    steps = [{"percent": 10, "holdSeconds": 30, "replicas": 3}, {"percent": 80, "holdSeconds": 30, "replicas": 1}]
    size = {"runtime": {"llamaCpp": {}}, "replicas": 4}
    world = canary(10, strategy={"canary": {"steps": steps}}, serving=size)
    assert world.replicas() == {"v1": 4, "v2": 3}
    world.until("Baking")
    world.want("v1")
    world.until("Healthy")
    world.run(30)
    world.edit(world.root["spec"] | {"serving": size | {"replicas": 2}})
    world.want("v3")
    while world.status.percent != 10:
        world.tick()
        world.now += SECOND
    assert world.replicas() == {"v1": 2, "v3": 2}, "never more than spec.serving.replicas"
