"""Which group goes where?"""

from __future__ import annotations

import random

import pytest

from slipway.api.dataset import Split
from slipway_data.split import Ties, place

SPLIT = Split(train_percent=70, validation_percent=10, test_percent=20)


def test_shares_are_about_right_and_the_salt_draws_anew() -> None:
    groups = [f"group-{n}" for n in range(5000)]
    drawn = [place(group, SPLIT) for group in groups]
    for name, percent in (("train", 70), ("validation", 10), ("test", 20)):
        assert abs(drawn.count(name) / 50 - percent) < 2
    salted = SPLIT.model_copy(update={"salt": "other"})
    assert sum(place(g, salted) != d for g, d in zip(groups, drawn, strict=True)) > 1000


def test_a_group_keeps_its_split_for_ever() -> None:
    """These are drawn by sha256: a change of the rule moves rows of every dataset there is."""
    drawn = ["test", "train", "test", "train", "test", "test", "test", "train"]
    assert [place(f"group-{n}", SPLIT) for n in range(8)] == drawn


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_all_percent_takes_all(name: str) -> None:
    zero = {"train_percent": 0, "validation_percent": 0, "test_percent": 0}
    everything = Split(**(zero | {f"{name}_percent": 100}))
    assert {place(f"group-{n}", everything) for n in range(1000)} == {name}


def test_moving_a_percent_moves_only_the_border() -> None:
    wider = Split(train_percent=75, validation_percent=10, test_percent=15)
    for n in range(2000):
        if place(f"group-{n}", SPLIT) == "train":
            assert place(f"group-{n}", wider) == "train"


def test_ties_do_not_depend_on_their_order() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "d"), ("e", "f"), ("g", "g"), ("f", "z")]
    for seed in range(20):
        ties = Ties()
        rng = random.Random(seed)
        for one, other in rng.sample(pairs, len(pairs)):
            ties.tie(*rng.sample([one, other], 2))
        assert [ties.name(group) for group in "abcdefgz"] == ["a", "a", "a", "a", "e", "e", "g", "e"]
