"""Does a candidate whose queries Prometheus refuses reach nobody, by any way?"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from slipway.plan import Answer, Facts, GatewayFeatures
from slipway.rollout import reasons
from tests.unit.rollout.world import World, serving


def tell(world: World, answer: Answer) -> None:
    world.facts = Facts({ask.id: answer for ask in world.asked})
    world.reconcile()


def warming(query: str, strategy: dict[str, Any] | None = None) -> World:
    """Return a world in which v2 is about to get its first traffic, and is judged by `query`."""
    world = serving("v1")
    metric = {"name": "mine", "prometheus": {"query": query, "max": "1"}}
    chosen = {"strategy": strategy} if strategy else {}
    world.want("v2", analysis={"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]}, **chosen)
    world.reconcile()
    return world


STEP = {"percent": 10, "holdSeconds": 30}
WAYS = {
    "header": {"canary": {"steps": [STEP], "headers": [{"name": "x-beta", "value": "1"}]}},
    "copies": {"canary": {"steps": [{"mirrorPercent": 100, "holdSeconds": 30}, STEP]}},
    "preview": {"blueGreen": {"previewHostnames": ["preview.example"], "holdSeconds": 10}},
}
REFUSED = "Prometheus refuses the query: 1:6: parse error: unclosed left parenthesis. Correct it"


def test_a_query_that_does_not_parse_moves_no_traffic_and_says_what_to_change() -> None:
    world = warming("sum((")
    tell(world, Answer(world.now, error=REFUSED, refused=True))
    for _ in range(60):
        world.kubelet()
        world.gateway()
        world.facts = Facts({ask.id: Answer(world.now, error=REFUSED, refused=True) for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Stalled", 0)
    assert world.status.message.startswith(f"metric mine: {REFUSED} in spec.analysis")
    assert reasons.QUERY_REFUSED in world.reasons()
    assert world.status.last_rollback is None, "nothing is wrong with the version"
    world.facts = Facts()
    world.reconcile()
    assert (world.state, world.status.percent) == ("Stalled", 0), "a restarted operator has no answer yet"

    spec = world.root["spec"]["analysis"]
    world.want("v2", analysis=spec | {"metrics": [{"name": "mine", "prometheus": {"query": "up", "max": "1"}}]})
    for _ in range(5):
        world.kubelet()
        world.gateway()
        world.facts = Facts({ask.id: Answer(world.now, ((({}), 0.0),)) for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Progressing", 10)


def test_a_dry_run_whose_query_does_not_parse_holds_nobody() -> None:
    world = warming("up")
    tried = {"name": "tried", "prometheus": {"query": "sum((", "max": "1"}, "dryRun": True}
    spec = world.root["spec"]["analysis"]
    world.want("v2", analysis=spec | {"metrics": [*spec["metrics"], tried]})
    world.reconcile()
    for _ in range(20):
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        fine = Answer(world.now, ((({}), 0.0),))
        world.facts = Facts({ask.id: refused if "tried@" in ask.id else fine for ask in world.asked})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert (world.state, world.status.percent) == ("Progressing", 10)
    assert {entry.metric: entry.outcome for entry in world.status.analysis} == {"mine": "Pass", "tried": "Error"}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_reaches_a_candidate_by_another_way_while_a_query_does_not_parse(way: str) -> None:
    world = warming("sum((", WAYS[way])
    features = Answer(world.now, tuple(({"feature": name}, 1.0) for name in world.features))
    for _ in range(60):
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        asks = {ask.id: features if isinstance(ask.question, GatewayFeatures) else refused for ask in world.asked}
        world.facts = Facts(asks)
        world.reconcile()
        world.now += timedelta(seconds=1)
    status = world.status
    assert status.candidate is not None
    assert (world.state, status.percent, status.mirror_percent) == ("Stalled", 0, 0)
    assert (status.candidate.preview_since, status.step_started_at) == (None, None), "nor does its step begin"


def test_a_prometheus_that_is_away_refuses_nothing() -> None:
    world = warming("up")
    tell(world, Answer(world.now, error="Prometheus at http://x cannot be reached"))
    world.kubelet()
    world.reconcile()
    world.reconcile()
    assert world.status.percent == 10


def test_no_query_is_tested_twice_once_requests_come() -> None:
    world = warming("up")
    assert [ask.id.partition("@")[0] for ask in world.asked] == ["check"]
    before = world.asked
    world.reconcile()
    assert world.asked == before, "the same question, so that its answer is kept"
    world.kubelet()
    world.reconcile()
    world.reconcile()
    assert world.status.percent == 10
    assert [ask for ask in world.asked if ask.id.startswith("check")], "it has not been answered yet"
    tell(world, Answer(world.now, (({}, 0.0),)))
    assert not [ask for ask in world.asked if ask.id.startswith("check")]


# Without a candidate


def analysis(query: str, **changes: Any) -> dict[str, Any]:
    metric = {"name": "mine", "prometheus": {"query": query, "max": "1"}} | changes
    return {"intervalSeconds": 10, "windowSeconds": 60, "metrics": [metric]}


def edited(world: World, query: str) -> World:
    world.edit(world.root["spec"] | {"analysis": analysis(query)})
    world.reconcile()
    return world


def answer(world: World, *, refused: bool) -> None:
    found = Answer(world.now, error=REFUSED, refused=True) if refused else Answer(world.now, (({}, 0.0),))
    world.facts = Facts({ask.id: found for ask in world.asked})
    world.reconcile()


def goes_on(world: World) -> None:
    """Half a minute passes, in which Prometheus refuses whatever it is asked."""
    for _ in range(30):
        world.kubelet()
        world.gateway()
        answer(world, refused=True)
        world.now += timedelta(seconds=1)


def warnings(world: World) -> list[str]:
    return [c.message for c in world.status.conditions if c.type == reasons.QUERY_REFUSED]


def test_an_edited_query_is_tested_once_while_all_is_well_and_the_warning_says_what_to_change() -> None:
    world = edited(serving("v1"), "sum((")
    assert [ask.id.partition("@")[0] for ask in world.asked] == ["check"]
    answer(world, refused=True)
    cure = f"metric mine: {REFUSED} in spec.analysis; until then the next version gets no traffic"
    assert (world.state, warnings(world)) == ("Healthy", [cure])
    assert [(event.reason, event.type) for event in world.events] == [("QueryRefused", "Warning")]
    writes = world.writes
    world.facts = Facts()
    for _ in range(3):
        world.reconcile()
        assert (world.asked, warnings(world)) == ((), [cure]), "nor by an operator that started anew"
        world.edit(world.root["spec"] | {"bakeSeconds": 61})
    assert world.writes == writes + 1, "the edit's generation, and nothing else"
    answer(edited(world, "up"), refused=False)
    assert (warnings(world), world.asked) == ([], ())
    assert len(world.events) == 1


def test_a_good_query_is_tested_once_and_costs_one_write() -> None:
    world = edited(serving("v1"), "up")
    writes = world.writes
    answer(world, refused=False)
    assert (world.writes, world.asked, warnings(world)) == (writes + 1, (), [])
    world.facts = Facts()
    for replicas in (3, 4):
        world.edit(world.root["spec"] | {"serving": world.root["spec"]["serving"] | {"replicas": replicas}})
        assert world.reconcile().asks == (), "what was not edited is not asked"


def test_our_own_queries_are_not_tested() -> None:
    world = serving("v1")
    assert (world.reconcile().asks, world.status.queries_hash) == ((), None)


def test_a_prometheus_that_is_away_is_asked_again_when_the_rollout_is_looked_at_and_not_before() -> None:
    world = edited(serving("v1"), "sum((")
    tell(world, Answer(world.now, error="Prometheus at http://x cannot be reached"))
    assert world.plan_made is not None
    assert (world.asked, world.plan_made.requeue_after, warnings(world)) == ((), None, [])
    world.facts = Facts()
    world.reconcile()
    answer(world, refused=True)
    assert len(warnings(world)) == 1


def test_what_a_candidate_was_stopped_by_is_told_when_it_is_withdrawn() -> None:
    world = warming("sum((")
    answer(world, refused=True)
    assert world.state == "Stalled"
    world.want("v1")
    goes_on(world)
    assert (world.state, len(warnings(world)), world.asked) == ("Healthy", 1, ())


def test_a_release_with_an_edited_query_asks_it_once() -> None:
    world = warming("up")
    answer(world, refused=False)
    assert world.status.queries_hash is not None
    world.want("v1")
    for _ in range(30):
        world.kubelet()
        world.gateway()
        assert world.reconcile().asks == ()
        world.now += timedelta(seconds=1)
    assert (world.state, warnings(world)) == ("Healthy", [])


def test_an_unreadable_spec_in_between_loses_no_warning() -> None:
    world = edited(serving("v1"), "sum((")
    answer(world, refused=True)
    good = dict(world.root["spec"])
    world.edit(good | {"strategy": {}})
    world.reconcile()
    assert world.state == "Stalled"
    world.edit(good)
    world.reconcile()
    answer(world, refused=True)
    assert (world.state, len(warnings(world))) == ("Healthy", 1)


def test_a_return_that_is_not_judged_answers_no_query() -> None:
    world = serving("v1", rollbackWindow={"revisions": 1})
    world.want("v2")
    world.until("Baking")
    world.until("Healthy")
    world.run(20)
    edited(world, "sum((")
    answer(world, refused=True)
    world.want("v1")
    goes_on(world)
    assert world.status.stable is not None
    assert (world.state, world.status.stable.version, len(warnings(world))) == ("Healthy", "v1", 1)


def lives(world: World, seconds: int, away: Collection[str] = ()) -> None:
    """Time passes at a Prometheus that refuses what does not parse, and finds nothing wrong by the rest.

    `away`: beginnings of the ids of questions at which it cannot be reached.
    """
    for _ in range(seconds):
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        fine, gone = Answer(world.now, (({}, 0.0),)), Answer(world.now, error="cannot be reached")
        found = dict(world.facts.answers)
        for ask in world.due:
            answer = refused if "sum((" in getattr(ask.question, "query", "") else fine
            found.setdefault(ask.id, gone if ask.id.startswith(tuple(away)) else answer)
        world.facts = Facts(found)
        world.reconcile()
        world.now += timedelta(seconds=1)


POLICY = {"noData": {"afterSeconds": 60, "action": "Rollback"}}


def under_way(**changes: Any) -> World:
    """Return a world in which v2 has 10 % of the traffic, and a query that nobody can answer ends it after a minute."""
    world = serving("v1")
    steps = [{"percent": 10, "holdSeconds": 600}, {"percent": 50, "holdSeconds": 30}]
    world.want("v2", analysis=analysis("up") | POLICY, strategy={"canary": {"steps": steps}})
    lives(world, 15)
    assert (world.state, world.status.percent) == ("Progressing", 10)
    world.events.clear()
    world.edit(world.root["spec"] | {"analysis": analysis(**changes) | POLICY})
    return world


def beside(query: str, world: World) -> World:
    """Let another query judge beside the one that is there."""
    other = {"name": "other", "prometheus": {"query": query, "max": "1"}}
    both = [*world.root["spec"]["analysis"]["metrics"], other]
    world.edit(world.root["spec"] | {"analysis": world.root["spec"]["analysis"] | {"metrics": both}})
    return world


@pytest.mark.parametrize("cure", ["up", "other"])
def test_a_query_edited_under_way_is_the_specs_fault_and_no_versions(cure: str) -> None:
    world = under_way(query="sum((")
    lives(world, 5)
    assert (world.state, world.status.percent) == ("Stalled", 10)
    assert world.status.message.startswith(f"metric mine: {REFUSED} in spec.analysis")
    assert reasons.QUERY_REFUSED in world.reasons()
    lives(world, 300)
    assert (world.state, world.status.percent, world.status.last_rollback) == ("Stalled", 10, None)
    world.facts = Facts()
    world.reconcile()
    assert world.state == "Stalled", "a restarted operator has no answer yet"
    world.edit(world.root["spec"] | {"analysis": analysis(cure) | POLICY})
    lives(world, 700)
    assert (world.state, world.status.last_rollback) == ("Healthy", None), "silence begins anew with the cure"


def test_a_query_edited_under_way_goes_on_where_prometheus_understands_it() -> None:
    world = under_way(query="down")
    lives(world, 20)
    assert (world.state, world.status.percent) == ("Progressing", 10)
    assert world.events == []
    assert not [ask for ask in world.asked if ask.id.startswith("check@")], "it is asked once"


def test_a_refusal_that_measurements_belie_holds_nobody() -> None:
    world = under_way(query="down")
    lives(world, 1)
    refused = Answer(world.now, error=REFUSED, refused=True)
    world.facts = Facts({ask.id: refused for ask in world.asked if ask.id.startswith("check@")})
    world.reconcile()
    assert world.state == "Stalled"
    lives(world, 30)
    assert (world.state, world.status.last_rollback) == ("Progressing", None)


def test_what_could_not_be_asked_at_the_edit_is_asked_again() -> None:
    world = under_way(query="sum((")
    lives(world, 5, away=["check@", "mine@"])
    assert world.state == "Progressing"
    lives(world, 30)
    assert world.state == "Stalled"
    lives(world, 100)
    assert world.status.last_rollback is None


def test_an_operator_that_starts_while_prometheus_is_away_knows_what_was_refused() -> None:
    world = under_way(query="sum((")
    lives(world, 300)
    world.facts = Facts()
    lives(world, 100, away=["check@", "mine@"])
    assert (world.state, world.status.last_rollback) == ("Stalled", None)


def test_a_measurement_that_is_refused_before_the_check_ends_nobody() -> None:
    world = under_way(query="sum((", errorLimit=0)
    for _ in range(20):  # the check's answer is late
        world.kubelet()
        world.gateway()
        refused = Answer(world.now, error=REFUSED, refused=True)
        world.facts = Facts({ask.id: refused for ask in world.due if not ask.id.startswith("check@")})
        world.reconcile()
        world.now += timedelta(seconds=1)
    assert world.status.last_rollback is None


def test_another_metrics_silence_counts_while_a_query_is_refused() -> None:
    world = beside("missing", under_way(query="sum(("))
    lives(world, 20)
    lives(world, 90, away=["other@"])
    assert world.status.last_rollback is not None
    assert "other gave no answer" in world.status.last_rollback.message


def test_a_restarted_operator_tells_what_was_refused_as_before() -> None:
    world = beside("up", under_way(query="sum(("))
    lives(world, 20)
    told, writes = world.status, world.writes
    assert told.message.startswith(f"metric mine: {REFUSED} in spec.analysis")
    world.facts = Facts()
    world.reconcile()
    assert (world.status, world.writes) == (told, writes)


def test_every_query_that_is_refused_is_named() -> None:
    world = beside("avg((", under_way(query="sum(("))
    for _ in range(2):
        world.facts = Facts({ask.id: Answer(world.now, error=REFUSED, refused=True) for ask in world.asked})
        world.reconcile()
    assert world.status.message.startswith(f"metric mine: {REFUSED}; metric other: {REFUSED} in spec.analysis")


def test_a_rollback_beside_a_refused_query_tells_the_next_release_in_the_same_write() -> None:
    world = beside("up", under_way(query="sum(("))
    lives(world, 5)
    known = dict(world.facts.answers)
    high = {ask.id: Answer(world.now, (({}, 5.0),)) for ask in world.asked if ask.id.startswith("other@")}
    world.facts = Facts(known | high)
    world.reconcile()
    told = world.status
    assert told.last_rollback is not None
    assert len(warnings(world)) == 1
    world.reconcile()
    assert world.status == told
