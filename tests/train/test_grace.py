"""Does a run know how long it takes to stop, and say so where that is longer than it is granted?"""

from __future__ import annotations

import logging

import pytest

from slipway.contract.progress import Progress
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.grace import Grace
from tests.train.runs import Bench
from tests.train.test_recipe import stopping_after


def test_the_longest_stop_counts_in_whole_seconds_rounded_up() -> None:
    grace = Grace(120)
    assert grace.seconds is None
    grace.saved(3.2, 0.5)
    grace.saved(1.0, 0.5)
    assert grace.seconds == 4


def test_what_is_longer_than_granted_is_said_each_time_that_it_grows(caplog: pytest.LogCaptureFixture) -> None:
    grace = Grace(10)
    with caplog.at_level(logging.WARNING, "slipway"):
        for save in (4, 9, 8, 12):
            grace.saved(save, 2.0)
    assert [record.getMessage().partition(", SIGTERM")[0] for record in caplog.records] == [
        "a step and a save take 11 s",
        "a step and a save take 14 s",
    ]


def test_a_run_that_is_stopped_tells_how_long_that_takes(bench: Bench) -> None:
    stop = StopFlag()
    recipe = bench.recipe(bench.job(), stop)
    recipe.step = stopping_after(2, stop).__get__(recipe)  # type: ignore[method-assign]
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    recipe.run()
    assert [one.stop_seconds for one in pushed[:-1]] == [None] * (len(pushed) - 1)
    assert pushed[-1].phase == "Stopped"
    assert pushed[-1].stop_seconds == recipe.grace.seconds
    assert (pushed[-1].stop_seconds or 0) >= 1


def test_a_run_that_is_stopped_has_no_time_left(bench: Bench) -> None:
    stop = StopFlag()
    recipe = bench.recipe(bench.job(max_steps=9), stop)
    recipe.step = stopping_after(6, stop).__get__(recipe)  # type: ignore[method-assign]
    pushed: list[tuple[bool, Progress]] = []
    recipe.progress.update = lambda one: pushed.append((stop.is_set(), one))  # type: ignore[method-assign]
    recipe.run()
    assert any(one.eta_seconds is not None for asked, one in pushed if not asked)
    assert [one.eta_seconds for asked, one in pushed if asked] == [None] * sum(asked for asked, _ in pushed)
    assert pushed[-1][1].tokens_per_second, "its pace is known"
