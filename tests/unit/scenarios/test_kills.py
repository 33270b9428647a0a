"""A run that was struck is told from one that began anew, and a pod's word about a step from its other words."""

from __future__ import annotations

import random

import pytest

from e2e.scenarios.kills import TOLD, Blow, Way, delete, delete_by_force, drawn, kill, starve, strayed
from slipway.contract.training_report import Restart


def restart(step: int, reached: int, ended: str) -> Restart:
    return Restart(step=step, reached=reached, ended=ended, at="2026-11-28T12:00:00Z")


@pytest.mark.parametrize(
    ("way", "found", "right"),
    [
        (kill, restart(8, 8, "Killed"), True),
        (kill, restart(4, 4, "Killed"), False),
        (kill, restart(0, 8, "Killed"), False),
        (starve, restart(8, 8, "Killed"), True),
        (starve, restart(0, 8, "Killed"), False),
        (delete, restart(11, 11, "Stopped"), True),
        (delete, restart(8, 8, "Killed"), False),
        (delete, restart(8, 8, "Stopped"), False),
        (delete, restart(11, 12, "Stopped"), False),
        (delete_by_force, restart(8, 8, "Killed"), True),
        (delete_by_force, restart(11, 11, "Stopped"), True),
    ],
)
def test_a_run_goes_on_from_the_last_checkpoint_there_was(way: Way, found: Restart, right: bool) -> None:
    assert (strayed([found], [Blow(way, 10, 0.5)], every=4) == []) == right


def test_each_blow_is_a_restart_and_nothing_else_is() -> None:
    assert strayed([], [], every=4) == []
    assert strayed([], [Blow(kill, 10, 0.5)], every=4) != []
    assert strayed([restart(8, 8, "Killed")], [], every=4) != []


def test_each_blow_falls_after_a_step_of_its_own_place_and_the_same_seed_draws_the_same() -> None:
    moments = (range(5, 9), range(10, 14))
    first, second = drawn((kill, delete), moments, random.Random(5))
    assert (first.way, second.way) == (kill, delete)
    assert first.step in moments[0]
    assert second.step in moments[1]
    assert [first, second] == drawn((kill, delete), moments, random.Random(5))
    assert len(drawn((kill,), moments, random.Random(5))) == 1


def test_only_a_finished_step_counts_as_one() -> None:
    told = TOLD.search("12:00:00 INFO step 7 of 24: loss 1.2345, 120 tokens/s")
    assert told is not None
    assert told[1] == "7"
    for other in ("step 24: validation loss 1.2", "saved step 8 in 0.4 s", "resumed after step 8"):
        assert TOLD.search(f"12:00:00 INFO {other}") is None
