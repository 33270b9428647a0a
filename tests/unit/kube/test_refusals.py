"""Is a refusal told in words that help, once, and taken back when it is over?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from slipway.kube.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Server
from slipway.kube.refusals import (
    APPLIED,
    LONGEST_RETRY,
    LONGEST_ROUTE_RETRY,
    Refusal,
    carried,
    explain,
    is_refusal,
    retry_delay,
    stated,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHILD = ("Job", "demo", "train")
REFUSAL = Refusal(CHILD, "hash", ("uid", 1), "ChildRefused", "Job demo/train: no", 0, until=10.0)
READY = {"type": "Ready", "status": "True"}


def test_what_the_server_says_about_the_object_is_a_refusal_and_its_own_troubles_are_not() -> None:
    assert all(is_refusal(error("x", status=400)) for error in (Conflict, Forbidden, Invalid, NotFound))
    assert not is_refusal(Server("x", status=500))
    assert not is_refusal(Forbidden("token expired", status=401))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Invalid("field is immutable"), "kubectl delete job train -n demo"),
        (Invalid("spec.x: Required value"), "Correct the field"),
        (Forbidden("exceeded quota"), "Raise the quota"),
        (NotFound("no such resource"), "install its CRD"),
    ],
)
def test_every_message_names_the_object_the_reason_and_what_to_do(error: ApiError, says: str) -> None:
    _, message = explain(CHILD, error)
    assert "Job demo/train" in message
    assert str(error) in message
    assert says in message


def test_a_refusal_holds_until_its_time_or_until_something_changed() -> None:
    assert REFUSAL.holds("hash", ("uid", 1), 9.9)
    assert not REFUSAL.holds("hash", ("uid", 1), 10.0)
    assert not REFUSAL.holds("other", ("uid", 1), 0.0)
    assert not REFUSAL.holds("hash", ("uid", 2), 0.0)
    assert not REFUSAL.holds("hash", None, 0.0)


def test_delays_grow_to_their_limit() -> None:
    delays = [retry_delay("Deployment", n) for n in range(30)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (1.0, LONGEST_RETRY)


def test_a_refused_route_is_tried_again_within_seconds() -> None:
    assert max(retry_delay("HTTPRoute", n) for n in range(30)) == LONGEST_ROUTE_RETRY


def test_the_condition_comes_keeps_its_time_and_goes() -> None:
    plan = {"conditions": [READY], "progress": {"step": 1}}
    first = stated(plan, {}, [REFUSAL], 3, NOW)
    assert "progress" not in first
    told = first["conditions"][1]
    assert (told["type"], told["status"], told["observedGeneration"]) == (APPLIED, "False", 3)
    later = stated(plan, first, [REFUSAL], 3, NOW + timedelta(hours=1))
    assert later == first
    assert stated(plan, first, [], 3, NOW)["conditions"] == [READY]


def test_a_room_that_passes_its_old_status_through_does_not_double_the_condition() -> None:
    current = stated({"conditions": [READY]}, {}, [REFUSAL], 3, NOW)
    assert carried(current, current) == current
    assert stated(current, current, [REFUSAL], 3, NOW) == current
    assert stated(current, current, [], 3, NOW)["conditions"] == [READY]
