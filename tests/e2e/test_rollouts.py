"""Releases on a real cluster, under continuous load, each request attributed to the revision that answered it.

No training: the versions are the base model, written by hand, and differ in how they serve. What does not disturb the
others is performed at the same time; what disturbs the control plane, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from e2e.cluster import open_cluster
from e2e.cluster.embedded.node import EmbeddedCluster
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios import canaries, disturbances, facts
from e2e.scenarios.play import Play, healthy
from e2e.scenarios.stage import Scenario, Stage

Performed = Callable[[str], Play]
seeded = pytest.mark.parametrize("seed", [disturbances.SEED], ids="SLIPWAY_SEED={}".format)
"""Whoever reads of a failure learns how to see it again."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    cluster = open_cluster()
    with cluster.in_use("the test of rollouts"), fresh(out("rollouts-tape.jsonl")).open("w") as file:
        cluster.up()
        stage = Stage(cluster, Tape(file))
        stage.build()
        try:
            yield stage
        finally:
            stage.clear()


@pytest.fixture(scope="module")
def performed(stage: Stage) -> Performed:
    """Perform everything that can be performed together, and return how to get at each scenario."""
    found = stage.perform_together(canaries.TOGETHER)
    return lambda name: found[name].result()


def test_a_good_version_is_promoted_step_by_step(performed: Performed) -> None:
    play = performed("promote")
    stable = play.status.stable
    assert stable is not None
    assert play.walk(stable.revision) == [20, 50, 100]
    assert len(play.pods(stable.revision)) == 1, "its warm pod serves on"
    assert play.percents == {stable.revision: 100}
    assert play.complaints() == []


def test_a_bad_version_is_rolled_back(performed: Performed) -> None:
    returned_by_its_figures(performed("roll_back"))


def returned_by_its_figures(play: Play) -> None:
    (bad,) = play.excused
    last = play.status.last_rollback
    assert last is not None
    assert (last.reason, last.revision) == ("MetricFailed", bad)
    assert any(request.failed for request in play.requests if request.revision == bad)
    assert play.walk(bad) == [20, 0]
    assert play.complaints() == []


def test_abort_returns_everyone_at_once(performed: Performed) -> None:
    aborted(performed("abort"))


def aborted(play: Play) -> None:
    last = play.status.last_rollback
    assert last is not None
    assert last.reason == "Aborted"
    assert play.walk(last.revision) == [20, 0]
    assert play.complaints() == []


def test_people_pause_resume_and_promote(performed: Performed) -> None:
    play = performed("pause_and_go_on")
    stable = play.status.stable
    assert stable is not None
    assert play.walk(stable.revision) == [20, 50, 100]
    assert play.complaints() == []


def test_a_superseded_version_gives_back_its_traffic_before_the_next_gets_some(performed: Performed) -> None:
    superseded(performed("supersede"))


def superseded(play: Play) -> None:
    third = play.status.stable
    assert third is not None
    assert play.walk(third.revision) == [20, 50, 100]
    shares = facts.shares(play.tape, play.name)
    assert all(sum(percent > 0 for percent in entry.percents.values()) <= 2 for entry in shares)
    first, second, last = play.revisions
    assert (first, last) == (_first(play), third.revision)
    assert play.walk(second) == [20, 0]
    assert play.complaints() == []


def test_reverting_the_spec_returns_everyone_without_a_verdict(performed: Performed) -> None:
    play = performed("revert")
    stable = play.status.stable
    assert stable is not None
    assert stable.revision == _first(play)
    assert play.walk(stable.revision) == [100, 50, 100]
    assert play.status.last_rollback is None
    assert play.complaints() == []


def test_a_deleted_rollout_leaves_nothing_and_can_be_made_anew(performed: Performed) -> None:
    play = performed("delete")
    [gap] = play.absences
    assert healthy(play.status)
    assert any(r.status == 404 for r in play.requests if gap.begin < r.at < gap.end), "users saw that it was gone"
    again = [r for r in play.requests if r.at > gap.end + facts.NEW_HOST_SECONDS]
    assert len(again) > 10
    assert not any(r.failed for r in again)
    assert play.complaints() == []


def test_scaling_in_the_middle_changes_no_step(performed: Performed) -> None:
    play = performed("scale")
    stable = play.status.stable
    assert stable is not None
    assert play.walk(stable.revision) == [20, 50, 100]
    assert play.complaints() == []


def test_blue_green_switches_at_once_and_returns_without_new_pods(performed: Performed) -> None:
    switched_and_returned(performed("switch_and_return"))


def switched_and_returned(play: Play) -> None:
    stable = play.status.stable
    assert stable is not None
    assert stable.revision == _first(play)
    assert play.walk(stable.revision) == [100, 0, 100]
    assert len(play.pods(stable.revision)) == 1
    assert play.complaints() == []


def test_users_keep_their_version_and_return_together(performed: Performed) -> None:
    play = performed("keep_users")
    last = play.status.last_rollback
    assert last is not None
    first, second = _first(play), last.revision
    assert [share for share, _ in play.met] == [20, 50, 0]
    for share, answered in play.met:
        for bucket in canaries.BUCKETS:
            assert answered[bucket] == (second if int(bucket) < share else first), f"bucket {bucket} at {share} %"
        assert answered[""] == first, "who sends no bucket stays"
        assert answered["x-tester"] == (second if share else first), "testers get what they ask for, while it is there"
    assert play.complaints() == []


def test_without_a_surge_two_versions_share_the_pods_of_one(performed: Performed) -> None:
    play = performed("give_way")
    stable = play.status.stable
    assert stable is not None
    assert stable.revision != _first(play)
    assert play.walk(stable.revision) == [50, 100]
    assert facts.most_pods(play.tape, play.name) == 2, "also when what drained goes"
    assert play.complaints() == []


def test_a_gateway_that_cannot_copy_requests_is_not_asked_to(performed: Performed) -> None:
    play = performed("shadow")
    assert play.percents == {_first(play): 100}
    ready = next(c for c in play.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ShadowUnsupported")
    assert play.complaints() == []


@seeded
def test_killing_the_operator_stops_neither_users_nor_the_release(stage: Stage, seed: int) -> None:
    play = stage.perform(partial(disturbances.operator_killed, seed=seed), "operator_killed")
    assert _promoted_by_steps(play)
    assert play.complaints() == []


def test_another_leader_goes_on_where_the_last_one_was(stage: Stage) -> None:
    play = stage.perform(disturbances.leader_swapped)
    assert _promoted_by_steps(play)
    assert play.complaints() == []


@seeded
@pytest.mark.parametrize(
    ("scenario", "holds"),
    [
        (canaries.roll_back, returned_by_its_figures),
        (canaries.abort, aborted),
        (canaries.supersede, superseded),
        (canaries.switch_and_return, switched_and_returned),
    ],
    ids=[scenario.__name__ for scenario in disturbances.STRUCK],
)
def test_a_leader_that_ends_in_a_turn_changes_nothing_of_it(
    stage: Stage, scenario: Scenario, holds: Callable[[Play], None], seed: int
) -> None:
    holds(stage.perform(partial(disturbances.struck, scenario=scenario, seed=seed), f"{scenario.__name__}_struck"))


def test_without_prometheus_a_release_waits_and_says_so(stage: Stage) -> None:
    if not disturbances.can_stop_prometheus(stage.cluster):
        pytest.skip(f"Prometheus of the {stage.cluster.provider} cluster is not ours to stop")
    play = stage.perform(disturbances.prometheus_stopped)
    assert _promoted_by_steps(play)
    assert play.complaints() == []


def test_a_restart_of_the_apiserver_goes_unnoticed(stage: Stage) -> None:
    if not isinstance(stage.cluster, EmbeddedCluster):
        pytest.skip(f"the apiserver of the {stage.cluster.provider} cluster is not ours to kill")
    play = stage.perform(disturbances.apiserver_restarted)
    assert _promoted_by_steps(play)
    assert play.complaints() == []


def test_everybody_got_the_share_that_the_route_promised(stage: Stage) -> None:
    each = [tally for play in stage.plays for tally in facts.tallies(stage.tape, play.name)]
    everything = [*each, *facts.together(each)]
    assert sum(tally.requests for tally in each) > 300, "too few requests were shared to say anything"
    assert [str(tally) for tally in facts.unlikely(everything)] == []


def _first(play: Play) -> str:
    """Return the revision that served first."""
    return next(iter(facts.shares(play.tape, play.name)[0].percents))


def _promoted_by_steps(play: Play) -> bool:
    stable = play.status.stable
    return stable is not None and stable.revision != _first(play) and play.walk(stable.revision) == [20, 50, 100]
