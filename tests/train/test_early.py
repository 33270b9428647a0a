"""Does a run end when validation loss says so, and is its result the best that was measured?"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch

from slipway.api.causal_lm import EarlyStopping
from slipway.contract.progress import Progress
from slipway.contract.result import Preempted, Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadData
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm import batches
from slipway_train_torch.causal_lm.early import Measured, best, enough
from slipway_train_torch.causal_lm.noise import Noise
from slipway_train_torch.causal_lm.recipe import Recipe
from tests.train.conftest import reference, write_dataset
from tests.train.runs import Bench, same
from tests.train.test_batches import example


def losses(*values: float) -> list[Measured]:
    return [Measured(step, value) for step, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("values", "least", "ends"),
    [
        ((), "0", False),
        ((3.0, 2.0, 1.0), "0", False),
        ((3.0, 2.0, 2.0, 2.0), "0", True),
        ((3.0, 2.0, 2.1, 1.9), "0", False),
        ((3.0, 2.0, 1.99, 1.98), "0.1", True),
        ((3.0, 2.0, 1.95, 1.89), "0.1", False),
        ((3.0, math.nan, math.nan), "0", True),
        ((math.nan, math.nan), "0", True),
    ],
)
def test_patience(values: tuple[float, ...], least: str, ends: bool) -> None:
    assert enough(losses(*values), EarlyStopping(patience_evaluations=2, min_improvement=least)) is ends
    assert not enough(losses(*values), None)


def test_the_best_is_the_lowest_finite_and_earliest() -> None:
    assert best(losses(3.0, 2.0, math.nan, 2.0)) == Measured(2, 2.0)
    assert best(losses(math.nan)) is None


def measuring(recipe: Recipe, values: Iterable[float], seen: dict[int, dict[str, torch.Tensor]]) -> Recipe:
    """Return `recipe` with validation losses as told; the weights that they are said of are put into `seen`."""
    told = iter(values)

    def evaluate() -> None:
        recipe.state.validation_loss = next(told)
        recipe.state.evaluated = recipe.state.step
        recipe.note(validationLoss=recipe.state.validation_loss)
        recipe.best.remember(recipe.measured, recipe.state.step, recipe.parameters)
        seen[recipe.state.step] = {name: p.detach().clone() for name, p in recipe.parameters.items()}

    recipe.evaluate = evaluate  # type: ignore[method-assign]
    return recipe


def published(bench: Bench, result: Trained) -> dict[str, torch.Tensor]:
    return {name.replace(".weight", ".default.weight"): t for name, t in bench.adapter(result).items()}


def test_patience_ends_the_run_and_the_best_weights_are_the_result(bench: Bench) -> None:
    job = bench.job(
        evaluate_every_steps=1, max_steps=50, epochs=100, early_stopping=EarlyStopping(patience_evaluations=2)
    )
    seen: dict[int, dict[str, torch.Tensor]] = {}
    result = measuring(bench.recipe(job), [5.0, 4.0, 4.5, 4.25], seen).run()
    assert isinstance(result, Trained)
    assert (result.steps, result.published_step, result.validation_loss) == (4, 2, "4")
    assert result.parameters["publishedStep"] == "2"
    assert same(published(bench, result), seen[2])
    assert not same(published(bench, result), seen[4])


def test_the_last_weights_are_the_result_where_they_are_asked_for(bench: Bench) -> None:
    job = bench.job(
        evaluate_every_steps=1, max_steps=50, epochs=100, publish="Last",
        early_stopping=EarlyStopping(patience_evaluations=2),
    )  # fmt: skip
    seen: dict[int, dict[str, torch.Tensor]] = {}
    result = measuring(bench.recipe(job), [5.0, 4.0, 4.5, 4.25], seen).run()
    assert isinstance(result, Trained)
    assert (result.steps, result.published_step, result.validation_loss) == (4, 4, "4.25")
    assert same(published(bench, result), seen[4])


def test_patience_outlives_a_restart(bench: Bench) -> None:
    job = bench.job(
        evaluate_every_steps=1, max_steps=50, epochs=100, early_stopping=EarlyStopping(patience_evaluations=2)
    )
    stop, seen = StopFlag(), dict[int, dict[str, torch.Tensor]]()
    first = measuring(bench.recipe(job, stop), [5.0, 4.0, 4.5], seen)
    step = first.step

    def stopping() -> None:
        step()
        if first.state.step == 3:
            stop.set()

    first.step = stopping  # type: ignore[method-assign]
    # The measurement of step 3 is taken before the stop is seen.
    assert first.run() == Preempted(step=3)
    result = measuring(bench.recipe(job), [4.25], seen).run()
    assert isinstance(result, Trained)
    assert (result.steps, result.published_step) == (4, 2)
    assert same(published(bench, result), seen[2])


def test_progress_says_which_step_is_best(bench: Bench) -> None:
    recipe = measuring(
        bench.recipe(bench.job(evaluate_every_steps=1, max_steps=3, publish="Best")), [5.0, 4.0, 4.5], {}
    )
    pushed: list[Progress] = []
    recipe.progress.update = pushed.append  # type: ignore[method-assign]
    recipe.run()
    assert (pushed[0].best_step, pushed[-1].best_step, pushed[-1].best_validation_loss) == (None, 2, 4.0)


def test_no_rows_to_choose_by_is_told_before_training(bench: Bench, graphs: list[dict[str, object]]) -> None:
    folder = write_dataset(bench.folder / "no-validation", {"train": graphs, "validation": []})
    data = reference(publish_at(folder, "s3://slipway/datasets/no-validation/", bench.store))
    recipe = Bench(bench.store, data, bench.base, bench.folder)
    with pytest.raises(BadData, match=r"raise split.validationPercent") as caught:
        recipe.run(recipe.job(publish="Best", evaluate_every_steps=1))
    assert caught.value.reason == "NoValidationSplit"


# NEFTune


def test_noise_is_as_large_as_its_paper_says_and_only_while_training() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.Embedding(50, 64)
    noise = Noise(5.0, embeddings)
    batch = batches.collate([(example("a", 4), example("b", 16)), (example("c", 9),)], pad=0)
    assert batch.lengths[0].tolist() == [4.0] * 4 + [16.0] * 16
    noise.on(batch)
    shaken = embeddings(batch.input_ids)
    embeddings.eval()
    plain = embeddings(batch.input_ids)
    moved = (shaken - plain).abs()
    for part, tokens in ((moved[0, :4], 4), (moved[0, 4:], 16), (moved[1, :9], 9)):
        bound = 5.0 / math.sqrt(tokens * 64)
        assert 0.9 * bound < part.max().item() <= bound * 1.001
        assert part.mean().item() == pytest.approx(bound / 2, rel=0.15)


def test_no_alpha_draws_nothing(bench: Bench) -> None:
    assert same(bench.adapter(bench.run(bench.job("a"))), bench.adapter(bench.run(bench.job("b", neftune_alpha="0"))))


def test_noise_changes_training_but_no_measurement(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, shaken = bench.recipe(bench.job("a")), bench.recipe(bench.job("b", neftune_alpha="5"))
    for recipe in (plain, shaken):
        recipe.setup()
        recipe.evaluate()
    assert plain.state.validation_loss == shaken.state.validation_loss
    assert plain.gradients(plain.batch()) != shaken.gradients(shaken.batch())
