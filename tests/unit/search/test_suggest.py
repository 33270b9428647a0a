"""Are draws determined by the study alone, of the space, and better than chance?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest

from slipway.search.study import Axis, ChoiceAxis, FloatAxis, IntAxis, Parameters, Study, Tried, size, value
from slipway.search.suggest import suggest

RATE = FloatAxis(field="learningRate", low=1e-5, high=1e-1, log=True)
RANK = IntAxis(field="rank", low=4, high=64, step=4)
METHOD = ChoiceAxis(field="method", choices=("LoRA", "DoRA", "Full"))
SPACE: tuple[Axis, ...] = (RATE, RANK, METHOD)


def study(number: int = 0, trials: tuple[Tried, ...] = (), **more: object) -> Study:
    told = {"axes": SPACE, "sampler": "TPE", "startup": 8, "maximize": False, "seed": 7}
    return Study.model_validate({**told, "number": number, "trials": trials, **more})


def valley(parameters: Parameters) -> float:
    """A loss with its least, 1.0, at a rate of 1e-3, rank 32 and DoRA."""
    rate = math.log10(float(parameters["learningRate"])) + 3
    rank = (int(parameters["rank"]) - 32) / 32
    return 1 + rate**2 + rank**2 + {"DoRA": 0.0, "LoRA": 0.3, "Full": 0.8}[parameters["method"]]


def search(sampler: str, seed: int, count: int, loss: Callable[[Parameters], float] = valley) -> list[Tried]:
    """Return the trials of a search that makes one after the other."""
    trials: list[Tried] = []
    for number in range(count):
        drawn = suggest(study(number, tuple(trials), sampler=sampler, seed=seed)).parameters
        trials.append(Tried(number=number, state="Complete", parameters=drawn, value=loss(drawn)))
    return trials


def test_tpe_comes_nearer_to_the_best_than_chance() -> None:
    found = {
        sampler: [min(trial.value or 9 for trial in search(sampler, seed, 40)) for seed in range(6)]
        for sampler in ("TPE", "Random")
    }
    assert statistics.mean(found["TPE"]) < 1.1
    assert statistics.mean(found["TPE"]) - 1 < (statistics.mean(found["Random"]) - 1) / 2


def test_equal_studies_give_equal_draws() -> None:
    trials = tuple(search("TPE", 3, 12))
    assert suggest(study(12, trials, seed=3)) == suggest(study(12, trials, seed=3))
    assert suggest(study(12, trials, seed=3)) != suggest(study(12, trials, seed=4))
    assert suggest(study(12, trials, seed=3)) != suggest(study(13, trials, seed=3))


def test_trials_drawn_beside_each_other_differ() -> None:
    done = tuple(search("TPE", 3, 10))
    running: list[Tried] = []
    for number in range(10, 18):
        drawn = suggest(study(number, (*done, *running), seed=3)).parameters
        running.append(Tried(number=number, state="Running", parameters=drawn))
    rates = [math.log10(float(trial.parameters["learningRate"])) for trial in running]
    assert max(rates) - min(rates) > 0.5


@pytest.mark.parametrize("sampler", ["TPE", "Random"])
def test_every_draw_is_of_the_space(sampler: str) -> None:
    for trial in search(sampler, 1, 25):
        assert all(value(axis, trial.parameters[axis.field]) is not None for axis in SPACE)


def test_nothing_is_drawn_twice_while_there_is_something_new() -> None:
    space: tuple[Axis, ...] = (
        IntAxis(field="rank", low=1, high=4),
        ChoiceAxis(field="method", choices=("LoRA", "DoRA")),
    )
    trials: list[Tried] = []
    for number in range(size(space) or 0):
        drawn = suggest(study(number, tuple(trials), axes=space, startup=3)).parameters
        assert drawn not in [trial.parameters for trial in trials]
        trials.append(Tried(number=number, state="Complete", parameters=drawn, value=float(drawn["rank"])))
    assert len(trials) == 8


def test_tpe_keeps_away_from_where_losses_explode() -> None:
    trials: list[Tried] = []
    for number in range(40):
        drawn = suggest(study(number, tuple(trials), axes=(RATE,))).parameters
        bad = float(drawn["learningRate"]) > 1e-3
        loss = None if bad else 1.0
        trials.append(Tried(number=number, state="Bad" if bad else "Complete", parameters=drawn, value=loss))
    late = [trial.state for trial in trials[20:]]
    assert late.count("Bad") < 0.25 * len(late), "half of the space explodes"


def test_pruned_trials_are_learned_from() -> None:
    good = tuple(search("TPE", 3, 10))
    rate = {"learningRate": "0.05", "rank": "4", "method": "Full"}
    pruned = Tried(number=10, state="Pruned", parameters=rate, measured=((2, 9.0), (4, 8.0)))
    assert suggest(study(11, good, seed=3)) != suggest(study(11, (*good, pruned), seed=3))


def test_what_is_not_of_the_space_is_ignored() -> None:
    strange = Tried(number=0, state="Complete", parameters={"learningRate": "5", "rank": "5"}, value=1.0)
    assert suggest(study(1, (strange,))) == suggest(study(1))


@pytest.mark.parametrize(
    ("axis", "written", "meant"),
    [
        (RATE, "1e-4", 1e-4),
        (RATE, "1", None),
        (RATE, "fast", None),
        (RANK, "8", 8),
        (RANK, "9", None),
        (RANK, "8.5", None),
        (METHOD, "DoRA", "DoRA"),
        (METHOD, "dora", None),
    ],
)
def test_texts_are_values_or_none(axis: Axis, written: str, meant: object) -> None:
    assert value(axis, written) == meant


@pytest.mark.parametrize(("state", "given"), [("Complete", None), ("Running", 1.0)])
def test_only_complete_trials_have_a_value(state: str, given: float | None) -> None:
    with pytest.raises(ValueError, match="a complete trial has a value, and no other has one"):
        Tried.model_validate({"number": 0, "state": state, "parameters": {}, "value": given})
