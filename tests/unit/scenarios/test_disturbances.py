"""A leader ends within a turn of a scenario, at a moment that the seed draws, one way after the other."""

from __future__ import annotations

import random
import threading
from itertools import cycle

import pytest

from e2e.demo.tape import Tape
from e2e.scenarios import disturbances
from e2e.scenarios.disturbances import Blows
from e2e.scenarios.play import Missed, Play
from tests.unit.scenarios.doubles import Kubectl


class Blow:
    """A way for a leader to end, that says when it came."""

    def __init__(self) -> None:
        self.__name__ = "kill"
        self.fell = threading.Event()

    def __call__(self, play: Play) -> None:
        self.fell.set()


def blows(way: Blow) -> Blows:
    return Blows(Play(Kubectl(""), Tape(), "shop"), random.Random(1), cycle([way]))


def test_a_turn_goes_on_while_it_is_struck() -> None:
    way = Blow()
    with blows(way).turn(0.01):
        assert way.fell.wait(5)


def test_a_turn_that_is_over_first_proves_nothing() -> None:
    way = Blow()
    with pytest.raises(Missed, match=r"shop: what was to be struck after \d+\.\d s was over"), blows(way).turn(500):
        pass
    assert not way.fell.is_set()


def test_a_turn_that_fails_is_not_struck_and_says_what_failed() -> None:
    way = Blow()
    with pytest.raises(Missed, match="not drained"), blows(way).turn(500):
        raise Missed("not drained")
    assert not way.fell.is_set()


def turns(play: Play) -> None:
    """Two turns that are over before anything can befall them."""
    for _ in range(2):
        with pytest.raises(Missed), play.turn(500):
            pass


def one(play: Play) -> None:
    turns(play)


def two(play: Play) -> None:
    turns(play)


def told(seed: int) -> list[str]:
    """Return what was to befall the turns of `one` and `two`."""
    tape = Tape()
    for scenario in (one, two):
        disturbances.struck(Play(Kubectl(""), tape, scenario.__name__), scenario, seed)
    return [mark.text for mark in tape.marks]


def test_a_seed_says_how_and_when_a_leader_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disturbances, "STRUCK", (one, two))
    planned = told(4)
    assert planned == told(4)
    assert [text.partition(" in ")[0] for text in planned] == ["one: kill", "one: swap", "two: swap", "two: kill"]
    assert len({text.partition(" in ")[2] for text in planned}) > 2
    assert [text.partition(" in ")[0] for text in told(5)] == ["one: swap", "one: kill", "two: kill", "two: swap"]
