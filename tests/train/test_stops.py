"""Does a run that cannot become a model end early, with an error that names the step and its rows?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from slipway.api.trainingjob import Checkpoint
from slipway.contract.exitcodes import FINAL
from slipway.contract.result import Trained
from slipway_pod.errors import BadConfig, BadData
from slipway_train_torch.causal_lm import batches
from slipway_train_torch.causal_lm.data import Example
from slipway_train_torch.causal_lm.recipe import Recipe, ids
from slipway_train_torch.causal_lm.stops import PATIENCE, Limits, Step
from tests.train.runs import Bench


def saying(recipe: Recipe, losses: Iterator[float]) -> Recipe:
    """Return `recipe`, its batches' losses replaced; the gradients are real."""
    whole = recipe.gradients

    def gradients(batch: object) -> float:
        whole(batch)  # type: ignore[arg-type]
        return next(losses)

    recipe.gradients = gradients  # type: ignore[method-assign]
    return recipe


def expected_rows(recipe: Recipe, step: int) -> list[str]:
    """Return the ids of the rows that step number `step` trains on."""
    number, at = divmod(step - 1, recipe.per_epoch)
    return ids(batches.epoch(recipe.rows, recipe.recipe.batch_size, recipe.job.seed, number, recipe.flat)[at])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_names_step_rows_and_cure_and_keeps_the_checkpoint(bench: Bench, loss: float) -> None:
    job = bench.job(checkpoint=Checkpoint(every_steps=2, keep=1), max_steps=6)
    recipe = saying(bench.recipe(job), iter([6.0, 6.0, loss]))
    with pytest.raises(BadConfig, match=r"step 3 of 6.*rows .*lower recipe.causalLM.learningRate") as caught:
        recipe.run()
    assert caught.value.reason == "LossNotFinite"
    assert caught.value.code in FINAL, "trying again cannot help"
    rows = expected_rows(recipe, 3)
    assert caught.value.example == ", ".join(rows)
    assert all(row in caught.value.message for row in rows)
    assert recipe.checkpoints.steps() == [2]


def test_the_log_has_all_rows_where_the_message_has_room_for_some(caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"project/file-{number}.txt:1" for number in range(500)]
    step = Step(number=3, steps=6, rows=rows, rate=1e-3, loss=math.nan, norm=1.0)
    with pytest.raises(BadConfig) as caught:
        Limits.of(None, 1000).check(step, [])
    assert rows[0] in caught.value.message
    assert rows[-1] not in caught.value.message
    assert all(row in caplog.text for row in rows)


def test_a_gradient_that_is_no_number_is_no_better(bench: Bench) -> None:
    recipe = bench.recipe(bench.job())
    recipe.setup()
    whole = recipe.gradients

    def gradients(batch: object) -> float:
        loss = whole(batch)  # type: ignore[arg-type]
        next(iter(recipe.parameters.values())).grad.fill_(math.nan)  # type: ignore[union-attr]
        return loss

    recipe.gradients = gradients  # type: ignore[method-assign]
    with pytest.raises(BadConfig, match="gradient's norm nan") as caught:
        recipe.step()
    assert caught.value.reason == "LossNotFinite"
    assert recipe.state.step == 0


@pytest.mark.parametrize(("bound", "ends"), [("0.001", True), ("0", False), (None, False)])
def test_an_exploded_gradient_ends_the_run_where_the_spec_says(bench: Bench, bound: str | None, ends: bool) -> None:
    job = bench.job(stop_gradient_norm=bound, max_steps=2)
    if not ends:
        assert isinstance(bench.run(job), Trained)
        return
    with pytest.raises(BadConfig, match=r"step 1 of 2 the gradient's norm is .*above 0.001 \(stopGradientNorm\)") as e:
        bench.run(job)
    assert e.value.reason == "GradientExploded"


def test_worse_than_guessing_for_long_ends_the_run_and_spoils_no_checkpoint(bench: Bench) -> None:
    job = bench.job(checkpoint=Checkpoint(every_steps=1, keep=1), max_steps=30, epochs=100)
    recipe = saying(bench.recipe(job), iter([6.0, 6.0] + [20.0] * 30))
    with pytest.raises(BadConfig, match=rf"step {2 + PATIENCE} of 30 the loss is 20 .* for {PATIENCE} steps") as caught:
        recipe.run()
    assert caught.value.reason == "Diverged"
    assert recipe.checkpoints.steps() == [2], "the newest weights that were worth something"


def test_a_short_excursion_is_forgiven() -> None:
    limits = Limits.of(None, vocabulary=512)
    step = Step(99, 100, ["a"], 1e-3, 20.0, 1.0)
    limits.check(step, [20.0] * (PATIENCE - 2))
    limits.check(step, [20.0] * 3 + [6.0] + [20.0] * (PATIENCE - 2))
    with pytest.raises(BadConfig):
        limits.check(step, [6.0] + [20.0] * (PATIENCE - 1))


def test_a_batch_that_trains_on_nothing_is_bad_data(bench: Bench) -> None:
    recipe = bench.recipe(bench.job())
    recipe.setup()
    mute = Example("mute-row", (3, 4, 5), (False, False, False))
    recipe.batch = lambda: [(mute,)]  # type: ignore[method-assign]
    with pytest.raises(BadData, match=r"step 1 of 6 no token of the batch is trained.*mute-row") as caught:
        recipe.step()
    assert caught.value.reason == "NothingToTrain"


def test_many_long_ids_fit_into_the_message() -> None:
    step = Step(1, 2, [f"row-{'x' * 200}-{n}" for n in range(4096)], 1e-3, math.nan, 1.0)
    with pytest.raises(BadConfig) as caught:
        Limits.of(None, 512).check(step, [])
    assert len(caught.value.message) < 1800
    assert "…" in caught.value.message


def test_a_merely_bad_learning_rate_trains_through(bench: Bench) -> None:
    """Whether it is good enough is for the gates to say."""
    result = bench.run(bench.job(learning_rate="0.5", max_steps=10, epochs=10))
    assert isinstance(result, Trained)
    assert result.steps == 10
