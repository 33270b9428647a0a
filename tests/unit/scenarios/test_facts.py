"""What users saw is told from what they did not: by revision, by the shares in force, by exact intervals."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.demo.tape import Request, Sighting, Tape
from e2e.scenarios import facts
from e2e.scenarios.facts import NEW_HOST_SECONDS, Absence, Tally
from e2e.scenarios.manifests import host
from slipway.names import ROLLOUT_LABEL


def route(at: float, **percents: int) -> Sighting:
    backends = [{"name": f"shop-{revision}", "weight": percent} for revision, percent in percents.items()]
    return Sighting(at, "HTTPRoute", "shop", {"spec": {"rules": [{"backendRefs": backends}]}})


def asked(at: float, revision: str, status: int = 200, name: str = "shop") -> Request:
    return Request(at, "shop-1.0.0", revision, status, 0.1, host=host(name))


def tape(*records: Any) -> Tape:
    made = Tape()
    for record in records:
        made.add(record)
    return made


WALK = (route(0, old=100), route(100, old=80, new=20), route(200, old=0, new=100), route(300, new=100))


def test_a_revision_walks_the_shares_that_the_route_gave_it() -> None:
    assert facts.walk(tape(*WALK), "shop", "new") == [20, 100]
    assert facts.walk(tape(*WALK), "shop", "old") == [100, 80, 0]
    assert facts.walk(tape(*WALK), "shop", "other") == []


def test_pods_that_are_on_their_way_out_leave_room_for_others() -> None:
    def pod(at: float, name: str, **meta: Any) -> Sighting:
        return Sighting(at, "Pod", name, {"metadata": {"labels": {ROLLOUT_LABEL: "shop"}, **meta}})

    one, two, leaving = pod(0, "a"), pod(2, "b"), pod(4, "b", deletionTimestamp="now")
    other = pod(8, "d", labels={ROLLOUT_LABEL: "another"})
    assert facts.most_pods(tape(one, two, leaving, pod(6, "c"), other), "shop") == 2
    assert facts.most_pods(tape(one, two, pod(3.9, "c"), leaving), "shop") == 2, "together for a moment only"
    assert facts.most_pods(tape(one, two, pod(6, "c")), "shop") == 3
    assert facts.most_pods(tape(one, Sighting(2, "Pod", "a", {}), pod(6, "c")), "shop") == 1


def test_a_deleted_route_gives_no_shares() -> None:
    gone = tape(*WALK, Sighting(400, "HTTPRoute", "shop", {}))
    assert facts.shares(gone, "shop")[-1].end == 400
    assert facts.shares(tape(), "shop") == []


@pytest.mark.parametrize(
    ("request_", "complains"),
    [
        (asked(50, "old", 500), True),
        (asked(150, "new", 400), False),
        (asked(150, "", 503), True),
        (asked(150, "", 0), True),
        (asked(50, "old", 200), False),
        (asked(50, "old", 500, name="another"), False),
    ],
    ids=["stable", "excused", "gateway", "no answer", "good", "of another Rollout"],
)
def test_only_what_a_bad_revision_itself_answers_is_excused(request_: Request, complains: bool) -> None:
    assert bool(facts.failed(tape(*WALK, request_), "shop", {"new"})) == complains


@pytest.mark.parametrize(
    ("request_", "complains"),
    [
        (asked(399.9, "", 404), True),
        (asked(401, "", 404), False),
        (asked(401, "", 503), False),
        (asked(401, "", 0), True),
        (asked(401, "new", 503), True),
        (asked(420 + NEW_HOST_SECONDS - 0.1, "", 404), False),
        (asked(420 + NEW_HOST_SECONDS + 0.1, "", 404), True),
    ],
    ids=["before", "no route", "no pods", "no answer", "by a pod", "host is new", "host was new"],
)
def test_while_a_rollout_is_deleted_only_what_the_gateway_itself_says_is_no_failure(
    request_: Request, complains: bool
) -> None:
    assert bool(facts.failed(tape(*WALK, request_), "shop", absences=[Absence(400, 420)])) == complains


@pytest.mark.parametrize(
    ("request_", "strays"),
    [(asked(50, "new"), True), (asked(99.5, "new"), False), (asked(250, "old"), True), (asked(201, "old"), False)],
    ids=["too early", "near the change", "too late", "moments after"],
)
def test_an_answer_without_a_share_is_a_stray(request_: Request, strays: bool) -> None:
    assert bool(facts.strays(tape(*WALK, request_), "shop")) == strays


def test_requests_are_counted_while_two_share_and_away_from_changes() -> None:
    answers = [asked(104 + second, "new" if second % 4 == 0 else "old") for second in range(96)]
    around = [asked(at, "new") for at in (101.0, 199.5, 250.0)]
    assert facts.tallies(tape(*WALK, *answers, *around), "shop") == [Tally("shop", 20, 24, 96)]


@pytest.mark.parametrize(
    ("answered", "requests", "percent", "found"),
    [(20, 100, 20, False), (36, 100, 20, True), (7, 100, 20, True), (0, 20, 20, False), (0, 60, 20, True)],
)
def test_a_share_outside_its_exact_interval_is_found(answered: int, requests: int, percent: int, found: bool) -> None:
    assert bool(facts.unlikely([Tally("shop", percent, answered, requests)])) == found


def test_what_is_tested_together_shares_the_chance_of_a_false_alarm() -> None:
    striking = Tally("shop", 20, 36, 100)
    assert facts.unlikely([striking]) == [striking]
    assert facts.unlikely([striking] + [Tally("shop", 20, 20, 100)] * 50) == []


def test_many_rollouts_show_what_one_cannot() -> None:
    each = [Tally(str(number), 20, 8, 25) for number in range(20)]
    assert facts.unlikely(each) == []
    assert facts.unlikely(facts.together(each)) == [Tally("all", 20, 160, 500)]
