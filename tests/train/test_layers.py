"""Are the right layers trained, at the right time and speed, by each method?"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.recipe import Recipe
from tests.train.runs import Bench, same
from tests.train.test_methods import METHODS, evaluated_as_trained, weights
from tests.train.test_recipe import interrupted

LOW, HIGH = "layers.0.", "layers.1."


def ready(bench: Bench, name: str = "run", **recipe: object) -> Recipe:
    made = bench.recipe(bench.job(name, **recipe))
    made.setup()
    return made


def moved(recipe: Recipe, steps: int = 1) -> Mapping[str, bool]:
    """Return which weights a number of steps changes, by name."""
    before = {name: p.detach().clone() for name, p in recipe.model.named_parameters()}
    for _ in range(steps):
        recipe.step()
    return {name: not torch.equal(p, before[name]) for name, p in recipe.model.named_parameters()}


# Freezing


def test_frozen_layers_and_embeddings_stay_as_they_are(bench: Bench) -> None:
    changed = moved(ready(bench, method="Full", freeze_layers=1))
    assert not any(is_moved for name, is_moved in changed.items() if LOW in name or "embed_tokens" in name)
    assert all(is_moved for name, is_moved in changed.items() if HIGH in name or "lm_head" in name)


@pytest.mark.parametrize("method", ["LoRA", "DoRA"])
def test_frozen_layers_get_no_adapter(bench: Bench, method: str) -> None:
    recipe = ready(bench, method=method, freeze_layers=1)
    assert recipe.parameters
    assert all(HIGH in name for name in recipe.parameters)


def test_what_is_evaluated_has_no_adapter_there_either(bench: Bench) -> None:
    evaluated_as_trained(bench, bench.job(freeze_layers=1, learning_rate="2e-2"))


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_a_layer_to_train_is_refused(bench: Bench, method: str) -> None:
    with pytest.raises(BadConfig, match="the base model has 2 layers: at most 1 can be frozen") as caught:
        ready(bench, method=method, freeze_layers=2)
    assert caught.value.reason == "NothingToTrain"


# Decay


@pytest.mark.parametrize("method", METHODS)
def test_lower_layers_learn_slower(bench: Bench, method: str) -> None:
    recipe = ready(bench, method=method, layer_decay_percent=50, warmup_percent=0)
    recipe.step()
    rates: dict[str, float] = {}
    for group in recipe.optimiser.param_groups:
        here = {id(p) for p in group["params"]}
        rates |= {name: group["lr"] for name, p in recipe.parameters.items() if id(p) in here}
    assert rates.keys() == recipe.parameters.keys()
    for name, rate in rates.items():
        share = 0.5 if LOW in name else 0.25 if "embed_tokens" in name else 1.0
        assert rate == pytest.approx(5e-3 * share), name


def test_no_decay_is_what_it_was(bench: Bench) -> None:
    recipe = ready(bench)
    assert [group["factor"] for group in recipe.optimiser.param_groups] == [1.0]


# Unfreezing


def test_layers_join_from_above(bench: Bench) -> None:
    recipe = ready(bench, method="Full", unfreeze_every_steps=2, max_steps=6)
    for part, joins in ((HIGH, 0), (LOW, 2), ("embed_tokens", 4)):
        assert {recipe.layers.opening(name) for name in recipe.parameters if part in name} == {joins}
    first = moved(recipe, 2)
    assert all(is_moved is (LOW not in name and "embed_tokens" not in name) for name, is_moved in first.items())
    second = moved(recipe, 2)
    assert all(is_moved is ("embed_tokens" not in name) for name, is_moved in second.items())
    assert all(moved(recipe, 2).values())


def test_a_run_too_short_for_its_lowest_layer_is_refused(bench: Bench) -> None:
    with pytest.raises(BadConfig, match="trained after 6 steps, and the run has 6: lower unfreezeEverySteps") as caught:
        ready(bench, unfreeze_every_steps=6)
    assert caught.value.reason == "NeverUnfrozen"
    # Of a frozen layer nothing is expected.
    ready(bench, "frozen", unfreeze_every_steps=6, freeze_layers=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "more",
    [{"freeze_layers": 1}, {"layer_decay_percent": 50}, {"unfreeze_every_steps": 2}],
    ids=lambda more: next(iter(more)),
)
def test_a_resumed_run_ends_in_the_bits_of_one_that_never_stopped(
    bench: Bench, method: str, more: dict[str, object]
) -> None:
    # The stop lies after one layer has joined and before the embeddings do.
    straight = bench.run(bench.job("straight", method=method, **more))
    assert same(weights(bench, straight), weights(bench, interrupted(bench, 3, method=method, **more)))
