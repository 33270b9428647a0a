"""Does pruning end whom Optuna's pruner would end?"""

from __future__ import annotations

import random

import optuna
import pytest

from slipway.api.search import Measurement, Pruning, TrialStatus
from slipway.api.trainingjob_status import TrainingJobStatus, TrainingProgress
from slipway.training.search.pruning import behind
from slipway.training.search.trials import Seen
from slipway.training.trial import measured, rung

PRUNING = Pruning(min_steps=2, reduction_factor=3)


def seen(number: int, values: list[tuple[int, float]], running: bool = True) -> Seen:
    measurements = [Measurement(step=step, value=f"{value:.6g}") for step, value in values]
    status = TrainingJobStatus(trial=TrialStatus(measurements=measurements))
    return Seen(number, {"metadata": {"name": f"t-{number}"}}, status, {}, "Running" if running else "Complete")


@pytest.mark.parametrize(("step", "reached"), [(1, None), (2, 0), (5, 0), (6, 1), (17, 1), (18, 2), (54, 3)])
def test_borders_are_a_factor_apart(step: int, reached: int | None) -> None:
    assert rung(PRUNING, step) == reached


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_whom_optunas_pruner_ends(seed: int) -> None:
    """Trials come to the border one after the other; Optuna is asked as each one comes."""
    draw = random.Random(seed)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
    study = optuna.create_study(pruner=pruner)
    trials: list[Seen] = []
    for number in range(12):
        value = round(draw.uniform(0, 9), 3)
        asked = study.ask()
        asked.report(value, 2)
        theirs = asked.should_prune()
        trials.append(seen(number, [(2, value)]))
        ours = number in behind(trials, PRUNING)
        if number >= 2:  # with fewer than three we end nobody
            assert ours == theirs, f"trial {number} of {seed}"
        else:
            assert not ours


def test_a_trial_is_judged_where_it_came_last() -> None:
    slow = [seen(0, [(2, 9.0), (6, 1.0)]), *(seen(n, [(2, float(n))], running=False) for n in range(1, 6))]
    assert behind(slow, PRUNING) == {}, "at its last border it is alone"


def test_ended_trials_are_measures_and_not_ended_again() -> None:
    trials = [seen(0, [(2, 1.0)], False), seen(1, [(2, 2.0)], False), seen(2, [(2, 3.0)])]
    assert list(behind(trials, PRUNING)) == [2]


def test_without_pruning_nobody_is_behind() -> None:
    assert behind([seen(n, [(2, float(n))]) for n in range(9)], None) == {}


@pytest.mark.parametrize(
    ("progress", "kept"),
    [
        ({"validation_loss": "1", "validation_step": 1}, []),
        ({"validation_loss": "1", "validation_step": 3}, [3]),
        ({"validation_loss": "1"}, []),
        ({"validation_step": 3}, []),
        ({"validation_loss": "1", "validation_step": 700}, [700]),
    ],
)
def test_measurements_are_kept_from_the_first_border_on(progress: dict[str, object], kept: list[int]) -> None:
    pushed = TrainingProgress.model_validate({"step": 700, "steps": 900, **progress})
    found = measured(TrainingJobStatus(progress=pushed), PRUNING)
    assert [m.step for m in (found.trial.measurements if found.trial else [])] == kept
    assert measured(found, PRUNING) == found
    assert measured(TrainingJobStatus(progress=pushed), None).trial is None
