"""When is a mix of Datasets made, of which data, and what is said while it waits?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slipway.contract.job import parse_job
from slipway.dataset.room import Room
from slipway.plan import Key
from tests.unit.dataset.world import NAME, SPEC, World, refused
from tests.unit.worlds import NAMESPACE, SETTINGS, root


def mix_of(*names: str, **weights: int) -> dict[str, Any]:
    members = [{"name": name} for name in names] + [{"name": n, "weight": w} for n, w in weights.items()]
    return {"source": {"datasets": {"members": members}}, "steps": [{"parse": {"as": "Dataset"}}]}


def member(world: World, name: str, mark: str = "", state: str = "Ready", **spec: Any) -> None:
    """Let there be a Dataset `name`; `mark` stands for its data."""
    made = root("Dataset", name, SPEC | spec)
    status: dict[str, Any] = {"state": state, "observedGeneration": 1, "message": f"{name} is {state}"}
    if mark:
        digest = mark * 64
        artifact = {"uri": f"s3://slipway/slipway/datasets/{digest}/", "digest": f"sha256:{digest}", "bytes": 1}
        status |= {"artifact": artifact, "digest": f"sha256:{digest}"}
    world.put({**made, "status": status})


def mixing(**weights: int) -> World:
    world = World()
    world.edit(**(mix_of(**weights) if weights else mix_of("one", "two")))
    return world


def prepared_once() -> World:
    world = mixing()
    member(world, "one", "1")
    member(world, "two", "2")
    world.settle()
    world.succeed()
    world.settle()
    return world


def told(world: World) -> Any:
    plan = world.plan()
    return parse_job(plan.children[0]["data"]["job.json"])


def test_a_mix_waits_for_its_members_and_says_for_which() -> None:
    world = mixing()
    world.settle()
    assert world.status()["state"] == "Pending"
    assert world.condition("Ready")["reason"] == world.condition("Reconciling")["reason"] == "MemberNotFound"
    assert world.status()["message"] == (
        "Dataset one, a member, does not exist in namespace demo: create it, or correct members"
    )
    member(world, "one", "1")
    member(world, "two", state="Preparing")
    world.settle()
    assert world.condition("Ready")["reason"] == "MemberNotReady"
    assert world.status()["message"] == "waiting for Dataset two, a member: two is Preparing"
    assert world.jobs() == []


def test_members_are_pinned_to_the_data_that_they_have_at_the_start() -> None:
    world = mixing(two=1, one=3)
    member(world, "one", "1")
    member(world, "two", "2")
    job = told(world)
    assert [(m.name, m.weight, m.artifact.digest) for m in job.members] == [
        ("one", 3, "sha256:" + "1" * 64),
        ("two", 1, "sha256:" + "2" * 64),
    ]
    world.settle()
    assert world.status()["state"] == "Preparing"
    world.succeed()
    world.settle()
    assert world.status()["members"] == [
        {"name": "one", "digest": "sha256:" + "1" * 64},
        {"name": "two", "digest": "sha256:" + "2" * 64},
    ]


def test_new_data_of_a_member_makes_a_new_mix_and_equal_data_none() -> None:
    world = prepared_once()
    first = world.status()
    member(world, "one", "1")
    assert world.settle().children == ()
    member(world, "one", "3")
    world.settle()
    assert world.status()["state"] == "Preparing"
    # What was published stays there until there is something newer.
    assert world.status()["artifact"] == first["artifact"]
    assert world.status()["members"] == first["members"]
    world.succeed("b")
    world.settle()
    assert world.status()["recipe"] != first["recipe"]
    assert world.status()["members"][0]["digest"] == "sha256:" + "3" * 64


def test_a_mix_is_not_ready_while_a_member_is_made_anew() -> None:
    world = prepared_once()
    jobs = world.jobs()
    member(world, "two", "2", state="Preparing")
    world.settle()
    assert world.condition("Ready")["status"] == "False"
    assert world.status()["artifact"]
    member(world, "two", "2")
    world.settle()
    assert world.status()["state"] == "Ready"
    assert world.jobs() == jobs


def test_a_spec_of_a_member_that_nobody_looked_at_yet_is_waited_for() -> None:
    world = prepared_once()
    found = world.get("Dataset", "one")
    world.put({**found, "metadata": found["metadata"] | {"generation": 2}})
    world.settle()
    assert world.condition("Ready")["reason"] == "MemberNotReady"


def test_a_run_on_former_data_is_left_alone_while_a_member_is_waited_for_and_replaced_when_it_is_there() -> None:
    world = mixing()
    member(world, "one", "1")
    member(world, "two", "2")
    world.settle()
    (first,) = world.jobs()
    member(world, "one", "1", state="Preparing")
    world.settle()
    assert world.jobs() == [first]
    member(world, "one", "3")
    world.settle()
    assert len(world.jobs()) == 1
    assert world.jobs() != [first]


@pytest.mark.parametrize(
    ("spec", "state", "reason", "message"),
    [
        (
            {},
            "Failed",
            "MemberFailed",
            "Dataset two, a member, failed: two is Failed. Correct it; the mix then goes on",
        ),
        ({"schema": "Completion"}, "Ready", "MemberSchema", "has schema Completion, this one Chat"),
        ({"colour": "red"}, "Ready", "MemberFailed", "is not one of ours: colour"),
    ],
)
def test_what_only_people_can_change_is_a_stall(spec: Mapping[str, Any], state: str, reason: str, message: str) -> None:
    world = mixing()
    member(world, "one", "1")
    member(world, "two", "2", state, **spec)
    world.settle()
    assert world.condition("Stalled")["reason"] == reason
    assert message in world.status()["message"]
    assert world.events[-1].type == "Warning"
    member(world, "two", "2")
    world.settle()
    assert world.status()["state"] == "Preparing"


def test_a_failed_run_is_told_again_after_a_member_was_waited_for() -> None:
    world = mixing()
    member(world, "one", "1")
    member(world, "two", "2")
    world.settle()
    world.fail(refused("TooFewRows"))
    world.settle()
    member(world, "one", "1", state="Failed")
    world.settle()
    assert world.condition("Stalled")["reason"] == "MemberFailed"
    member(world, "one", "1")
    world.settle()
    assert world.condition("Stalled")["reason"] == "TooFewRows"


@pytest.mark.parametrize("ways", [{"one": NAME}, {"one": "three", "three": NAME}])
def test_a_circle_of_mixes_is_told_and_ends_when_it_is_cut(ways: Mapping[str, str]) -> None:
    world = mixing()
    member(world, "two", "2")
    for name, other in ways.items():
        member(world, name, "1", **mix_of(other))
    world.settle()
    assert world.condition("Stalled")["reason"] == "MixOfItself"
    names = [NAME, *ways, NAME]
    assert world.status()["message"].startswith(f"{' is mixed from '.join(names)}: no data is in that circle")
    member(world, "one", "1")
    world.settle()
    assert world.status()["state"] == "Preparing"


def test_a_member_that_changes_wakes_its_mixes_and_nobody_else() -> None:
    world = mixing()
    member(world, "one", "1")
    room = Room(SETTINGS)
    assert list(room.wakes(world.get("Dataset", "one"), world.store)) == [Key("Dataset", NAMESPACE, NAME)]
    assert list(room.wakes(world.root(), world.store)) == []
    assert list(room.wakes({**world.get("Dataset", "one"), "kind": "Rollout"}, world.store)) == []
