"""Is a user served by one version, do users only move towards a candidate, does a return bring back everyone?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.contract.sticky import bucket, header_value
from tests.unit.rollout.gateway import backends
from tests.unit.rollout.world import Behaviour, World, canary, rollout_spec, serving, waiting

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "sticky-users.md"
TRAFFIC = rollout_spec("v1")["traffic"]
STICKY = {"traffic": {**TRAFFIC, "sticky": {}}}
STEPS = [1, 10, 64, 65, 99]
TESTER = {"name": "x-tester", "value": "yes"}
SECOND = timedelta(seconds=1)


def stairs(*percents: int, **more: Any) -> dict[str, Any]:
    return {"canary": {"steps": [{"percent": percent, "holdSeconds": 10} for percent in percents], **more}}


def walked(**spec: Any) -> dict[int, Mapping[str, Any]]:
    """Return the HTTPRoute at every share that v2 has on its way, 0 and 100 included."""
    world, found = serving(strategy=stairs(*STEPS, headers=[TESTER]), **spec), {}
    world.want("v2")
    for _ in range(300):
        world.tick()
        if world.status.candidate is not None:
            found[world.status.percent] = world.objects["HTTPRoute", "assistant"]
        world.now += SECOND
    assert list(found) == [0, *STEPS, 100]
    return found


ROUTES = walked(**STICKY)


def candidate(percent: int, headers: Mapping[str, str]) -> int:
    """Return the candidate's share of requests with `headers` at `percent`."""
    weights = backends(ROUTES[percent], headers)
    assert sum(weights.values()) == 100
    [new] = set(backends(ROUTES[100])) - set(backends(ROUTES[0])) or {
        name for name, weight in backends(ROUTES[100]).items() if weight
    }
    return weights.get(new, 0)


@given(user=st.text(max_size=40), salt=st.text("abc-", max_size=8))
def test_a_user_moves_to_the_candidate_once_and_is_never_drawn(user: str, salt: str) -> None:
    number = bucket(salt, user)
    shares = [candidate(percent, {"x-slipway-bucket": header_value(number)}) for percent in (0, *STEPS, 100)]
    assert set(shares) <= {0, 100}, "one version for each user"
    assert shares == sorted(shares), "nobody moves back on the way up"
    assert shares == [100 * (number < percent * 100) for percent in (0, *STEPS, 100)]


@pytest.mark.parametrize("sent", [{}, {"x-slipway-bucket": ""}, {"x-slipway-bucket": "7"}, {"x-other": "00"}])
def test_a_request_without_a_bucket_stays_with_stable_until_promotion(sent: dict[str, str]) -> None:
    assert [candidate(percent, sent) for percent in (0, *STEPS, 100)] == [0] * (1 + len(STEPS)) + [100]


def test_shares_of_many_users_are_those_asked_for() -> None:
    buckets = [bucket("salt", f"user-{n}") for n in range(20_000)]
    for percent in (1, 10, 50):
        found = 100 * sum(number < percent * 100 for number in buckets) / len(buckets)
        assert found == pytest.approx(percent, rel=0.15)


def test_another_salt_meets_other_users() -> None:
    users = [f"user-{n}" for n in range(10_000)]
    first = {user for user in users if bucket("a", user) < 1000}
    second = {user for user in users if bucket("b", user) < 1000}
    assert len(first & second) / len(first) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("percent", STEPS)
def test_a_route_keeps_the_limits_of_the_gateway_api(percent: int) -> None:
    rules = ROUTES[percent]["spec"]["rules"]
    matches = [len(rule["matches"]) for rule in rules]
    assert len(rules) <= 16
    assert max(matches) <= 64
    assert sum(matches) <= 128


def test_the_guides_vectors_are_what_the_function_gives() -> None:
    rows = re.findall(r"^\| `([^`]*)` \| `([^`]*)` \| (\d+) \| `(\d\d)` \|$", GUIDE.read_text(), re.M)
    assert len(rows) >= 5
    for salt, user, number, sent in rows:
        assert (bucket(salt, user), header_value(bucket(salt, user))) == (int(number), sent)


def test_a_verdict_returns_every_user_in_one_write() -> None:
    world = canary(10, **STICKY)
    assert world.answers(x_slipway_bucket="09") == "v2"
    world.behaves["v2"] = Behaviour(failing_percent=100)
    while world.status.last_rollback is None:
        world.now += SECOND
        world.scrape()
        world.reconcile()
    route = world.objects["HTTPRoute", "assistant"]
    assert len(route["spec"]["rules"]) == 1
    assert world.routed() == {"v1": 100, "v2": 0}, "weight 0 is written out"


def test_users_of_a_candidate_without_endpoints_go_to_stable_and_come_back() -> None:
    world = canary(10, **STICKY)
    world.broken["v2"] = waiting("CrashLoopBackOff")
    world.tick()
    assert world.answers(x_slipway_bucket="00") == "v1"
    world.broken.clear()
    world.run(3)
    assert world.answers(x_slipway_bucket="00") == "v2"


def test_a_foreign_bucket_is_removed_and_no_evidence_until_then() -> None:
    world = canary(10, **STICKY)
    route = world.objects["HTTPRoute", "assistant"]
    route["spec"]["rules"][0]["matches"][0]["headers"][0]["value"] = "77"
    plan = world.room.plan(world.root, world, world.facts, world.now)
    world.gateway()
    assert world.answers(x_slipway_bucket="77") == "v2"
    world.apply(plan)
    assert world.answers(x_slipway_bucket="77") == "v1"


def test_the_salt_is_the_candidates_own_from_start_to_end_and_told_to_clients() -> None:
    world = serving(**STICKY)
    salts = [salt(world)]
    for version in ("v2", "v3"):
        world.want(version)
        world.until("Progressing")
        while world.status.candidate is None:
            world.now += SECOND
            world.tick()
        begun = salt(world)
        world.until("Healthy")
        assert salt(world) == begun, "nobody changes buckets on the way"
        salts.append(begun)
    assert len(set(salts)) == 3, "not the same users first each time"


def test_a_salt_of_ones_own_is_used() -> None:
    world = serving(traffic={**TRAFFIC, "sticky": {"salt": "event", "bucketHeader": "x-team"}})
    assert salt(world) == "event"
    assert world.objects["ConfigMap", "assistant-sticky"]["data"]["bucketHeader"] == "x-team"


def test_without_stickiness_no_salt_is_kept() -> None:
    world = canary(10, **STICKY)
    world.edit(world.root["spec"] | {"traffic": TRAFFIC})
    world.tick()
    assert world.status.traffic is None
    assert ("ConfigMap", "assistant-sticky") not in world.objects
    assert world.routed() == {"v1": 90, "v2": 10}


def test_testers_reach_the_candidate_at_any_share() -> None:
    for percent in (*STEPS, 100):
        assert candidate(percent, {"x-tester": "yes"}) == 100
        assert candidate(percent, {"x-tester": "no"}) == (100 if percent == 100 else 0)
    world = canary(10, strategy=stairs(10, headers=[TESTER]))
    assert world.answers(x_tester="yes") == "v2"
    assert world.routed() == {"v1": 90, "v2": 10}, "all others are drawn"


def test_testers_go_back_with_everyone_else() -> None:
    world = canary(10, strategy=stairs(10, headers=[TESTER]))
    world.want("v1")
    world.tick()
    assert world.answers(x_tester="yes") == "v1"


def test_testers_lose_their_way_in_when_the_spec_does() -> None:
    world = canary(10, strategy=stairs(10, headers=[TESTER]))
    world.edit(world.root["spec"] | {"strategy": stairs(10)})
    world.tick()
    status = world.status
    assert status.candidate is not None
    assert status.candidate.preview_since is None
    assert len(world.objects["HTTPRoute", "assistant"]["spec"]["rules"]) == 1


def salt(world: World) -> str:
    """Return the salt in status, which is that of the ConfigMap too."""
    assert world.status.traffic is not None
    assert world.objects["ConfigMap", "assistant-sticky"]["data"]["salt"] == world.status.traffic.salt
    return world.status.traffic.salt
