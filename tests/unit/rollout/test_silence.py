"""Does silence never promote, and does it follow the policy when it lasts?"""

from __future__ import annotations

import pytest

from tests.unit.rollout.world import Behaviour, World, baking, canary, serving


def silence(world: World, how: str) -> None:
    match how:
        case "Error":
            world.prometheus = False
        case "NoData":
            world.behaves["v2"] = Behaviour(requests_per_second=0)
        case "TooFewSamples":
            world.behaves["v2"] = Behaviour(requests_per_second=0.3)


@pytest.mark.parametrize("how", ["Error", "NoData", "TooFewSamples"])
def test_silence_holds_the_step_and_says_why(how: str) -> None:
    world = canary(50)
    silence(world, how)
    world.run(600)
    assert world.status.percent == 50
    assert world.status.analysis[0].outcome == how
    assert world.state == "Progressing"
    assert how in world.status.message
    assert ("no answer for 60 s" in world.status.message) == (how != "TooFewSamples")


@pytest.mark.parametrize("how", ["Error", "NoData", "TooFewSamples"])
def test_silence_never_ends_a_bake(how: str) -> None:
    world = baking()
    silence(world, how)
    if how == "TooFewSamples":
        world.behaves["v2"] = Behaviour(requests_per_second=0.1)
    world.run(900, step=5)
    assert world.state == "Baking"
    assert world.status.stable is not None
    assert world.status.stable.version == "v1"


def test_an_answer_after_silence_goes_on() -> None:
    world = canary(10)
    world.prometheus = False
    world.run(300, step=5)
    world.prometheus = True
    world.until("Healthy")


@pytest.mark.parametrize(("how", "ends"), [("Error", True), ("NoData", True), ("TooFewSamples", False)])
def test_the_policy_rollback_follows_after_its_time(how: str, ends: bool) -> None:
    analysis = serving().root["spec"]["analysis"] | {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    world = canary(50, analysis=analysis)
    silence(world, how)
    started = world.now
    world.run(300)
    assert (world.status.last_rollback is not None) == ends
    if ends:
        assert world.status.last_rollback is not None
        assert world.status.last_rollback.reason == "NoData"
        assert world.status.last_rollback.at >= started.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert world.routed() == {"v1": 100}


def test_three_requests_with_one_failure_are_no_verdict() -> None:
    world = canary(50)
    world.behaves["v2"] = Behaviour(requests_per_second=0.1, failing_percent=33)
    world.run(300, step=2)
    assert world.status.last_rollback is None
    assert world.status.analysis[0].outcome == "TooFewSamples"


def test_no_question_is_asked_when_no_candidate_has_traffic() -> None:
    world = serving()
    world.run(60)
    assert world.asked == ()


def test_a_window_never_reaches_back_before_the_candidates_traffic() -> None:
    world = canary(10)
    world.now += world.now - world.now
    world.run(12)
    world.tick()
    assert world.asked
    for ask in world.asked:
        age = ((ask.at or world.now) - _since(world)).total_seconds()
        assert all(int(part.split("s]")[0]) <= age for part in str(ask.question).split("[")[1:])


def test_a_question_keeps_its_words_until_it_is_answered() -> None:
    world = canary(10)
    world.run(8)
    asked = set()
    for _ in range(5):
        world.kubelet()
        world.gateway()
        world.reconcile()
        asked |= set(world.asked)
        world.now += (world.now - _since(world)) / 10
    assert len(asked) == 1


def test_an_answer_is_counted_once() -> None:
    metric = {"name": "errors", "errorRate": {"maxPercent": "2", "minSamples": 20}, "failureLimit": 5}
    world = canary(10, analysis={"intervalSeconds": 10, "windowSeconds": 20, "metrics": [metric]})
    world.behaves["v2"] = Behaviour(failing_percent=50)
    while not world.due:
        world.run(1)
        world.reconcile()
    world.scrape()
    facts = world.facts
    for _ in range(4):
        world.facts = facts
        world.reconcile()
    assert world.status.analysis[0].failures == 1


def _since(world: World):  # type: ignore[no-untyped-def]
    from slipway.api.conditions import moment

    assert world.status.candidate is not None
    assert world.status.candidate.traffic_since is not None
    return moment(world.status.candidate.traffic_since)


def before_the_gateway(world: World) -> None:
    """A second passes, in which the gateway does not hear of what is written now."""
    world.kubelet()
    world.gateway()
    world.run_unheard(1)


@pytest.mark.parametrize("share", [10, 50])
def test_the_policy_follows_also_where_the_gateway_has_not_confirmed_the_share(share: int) -> None:
    analysis = serving().root["spec"]["analysis"] | {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    world = serving(analysis=analysis)
    world.want("v2")
    while world.status.percent != share:
        before_the_gateway(world)
    world.prometheus = False  # and the gateway says nothing any more, though it may send what it was told
    world.run_unheard(90)
    assert world.status.last_rollback is not None
    assert world.status.last_rollback.reason == "NoData"
    assert world.routed() == {"v1": 100, "v2": 0}


def test_silence_is_told_while_the_gateway_has_not_confirmed_the_share() -> None:
    world = serving()
    world.want("v2")
    while world.status.percent != 10:
        before_the_gateway(world)
    world.prometheus = False
    world.run_unheard(90)
    assert "to confirm the shares; errors: no answer for 60 s and more, held as noData says" in world.status.message


def other(name: str, **changes: object) -> dict[str, object]:
    return {"name": name, "errorRate": {"maxPercent": "2", "minSamples": 20}} | changes


@pytest.mark.parametrize("share", [10, 50])
def test_a_metric_is_not_silent_before_it_is_in_force(share: int) -> None:
    steps = [
        {"percent": 10, "holdSeconds": 90, "metrics": ["errors"]},
        {"percent": share, "holdSeconds": 30} if share > 10 else {"pause": {"seconds": 30}},
        {"percent": 60, "holdSeconds": 30},
    ]
    policy = {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    analysis = {"intervalSeconds": 10, "windowSeconds": 60, "metrics": [other("errors"), other("more")]} | policy
    world = serving(analysis=analysis, strategy={"canary": {"steps": steps}})
    world.want("v2")
    world.until("Healthy")
    assert world.status.last_rollback is None


def test_a_metric_that_is_added_under_way_is_not_silent_before_it_is_looked_at() -> None:
    policy = {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    analysis = {"intervalSeconds": 10, "windowSeconds": 60, "metrics": [other("errors")]} | policy
    steps = [{"percent": 10, "holdSeconds": 600}]
    world = serving(analysis=analysis, strategy={"canary": {"steps": steps}})
    world.want("v2")
    world.run(200)
    world.edit(world.root["spec"] | {"analysis": analysis | {"metrics": [other("errors"), other("more")]}})
    world.run(50)
    assert world.status.last_rollback is None


def test_no_silence_follows_where_no_gateway_ever_took_the_route() -> None:
    analysis = serving().root["spec"]["analysis"] | {"noData": {"afterSeconds": 60, "action": "Rollback"}}
    world = World("v1", {"analysis": analysis})
    for version in ("v1", "v2"):
        world.want(version)
        world.run_unheard(200)
    assert world.status.last_rollback is None, "nobody reached it, and it is not to blame"
