"""Which recipes does a search try, and are they recipes at all?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError

from slipway.api.base import significant
from slipway.api.search import Parameter, Search
from slipway.api.trainingjob import Recipe, TrainingJobSpec
from slipway.search.study import Axis, ChoiceAxis, FloatAxis, IntAxis, Parameters

_WITHIN: Final = 0.3819660113
"""A place in a range that is no whole number, whatever its ends: fields of whole numbers take no float."""


def axes(search: Search) -> tuple[Axis, ...]:
    """Return the space as the sampler knows it."""
    return tuple(_axis(parameter) for parameter in search.parameters)


def _axis(parameter: Parameter) -> Axis:
    field, values = parameter.field, parameter.values
    if (real := values.float_) is not None:
        return FloatAxis(field=field, low=float(real.min), high=float(real.max), log=real.log)
    if (whole := values.int_) is not None:
        high = whole.min + (whole.max - whole.min) // whole.step * whole.step
        return IntAxis(field=field, low=whole.min, high=high, step=whole.step, log=whole.log)
    assert values.categorical is not None
    return ChoiceAxis(field=field, choices=tuple(values.categorical.choices))


def tuned(recipe: Recipe, parameters: Parameters) -> Recipe:
    """Return `recipe` with `parameters` in it; raise pydantic.ValidationError where that is no recipe."""
    whole = recipe.dump()
    member = whole[recipe.member]
    for field, value in parameters.items():
        _put(member, field, value)
    return Recipe.model_validate(whole)


def _put(member: dict[str, Any], field: str, value: str) -> None:
    *parents, last = field.split(".")
    node = member
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            member[field] = value  # through what is no object: refused, like any field that does not exist
            return
    node[last] = value


def parameters_of(recipe: Recipe, fields: Iterable[str]) -> Parameters:
    """Return what `recipe` has in `fields`, as texts; those that it lacks are left out."""
    member = recipe.dump()[recipe.member]
    found = {field: _at(member, field) for field in fields}
    return {field: _text(value) for field, value in found.items() if value is not None}


def fault(spec: TrainingJobSpec) -> str:
    """Return what is wrong with the space of a search, where, and the cure; empty when nothing is.

    Types and bounds are those of the recipe's fields, which the apiserver does not know here. What fields must be
    together it would refuse at each trial: so it is refused before the first.
    """
    assert spec.search is not None
    for axis in axes(spec.search):
        for value in _extremes(axis):
            try:
                tuned(spec.recipe, {axis.field: value})
            except ValidationError as error:
                return _complaint(spec.recipe, axis.field, value, error)
    return next(_together(spec.recipe, axes(spec.search)), "")


def _extremes(axis: Axis) -> Sequence[str]:
    match axis:
        case FloatAxis(low=low, high=high):
            return significant(low), significant(low + (high - low) * _WITHIN), significant(high)
        case IntAxis(low=low, high=high):
            return str(low), str(high)
        case ChoiceAxis(choices=choices):
            return choices


def _complaint(recipe: Recipe, field: str, value: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = f"spec.search.parameters[{field}]"
    if first["type"] == "extra_forbidden":
        return (
            f"{where}: recipe.{recipe.member} has no field {field}: correct the name, as in "
            f"`kubectl explain trainingjob.spec.recipe.{recipe.member}`"
        )
    return f"{where}: {value} does not suit recipe.{recipe.member}.{field} ({first['msg']}): change its values"


# Fields of causalLM that must agree with each other


def _together(recipe: Recipe, space: tuple[Axis, ...]) -> Iterator[str]:
    if recipe.causal_lm is None:
        return
    member = recipe.dump()[recipe.member]
    varied = {axis.field: axis for axis in space}

    def values(field: str) -> Sequence[str]:
        if field in varied:
            return _every(varied[field])
        value = _at(member, field)
        return () if value is None else (_text(value),)

    if "learningRate" in varied and any(float(value) == 0 for value in values("learningRate")):
        yield "spec.search.parameters[learningRate]: learningRate must be above 0: raise its values"
    micro = values("microBatchSize") if {"batchSize", "microBatchSize"} & set(varied) else ()
    if micro and math.gcd(*map(int, values("batchSize"))) % math.lcm(*map(int, micro)):
        yield (
            "spec.search.parameters: microBatchSize must divide batchSize in every trial: leave microBatchSize out of "
            "recipe and search, or choose values that divide"
        )
    adapter = {"rank", "alpha", "dropoutPercent"} & set(varied)
    stated = recipe.causal_lm.alpha is not None or recipe.causal_lm.dropout_percent != 0 or recipe.causal_lm.rank != 16
    if "Full" in values("method") and ("method" in varied or adapter) and (adapter or stated):
        yield (
            "spec.search.parameters: method Full makes no adapter: remove Full from the methods, or rank, alpha and "
            "dropoutPercent from recipe and search"
        )
    if "method" in varied and "QLoRA" in values("method") and recipe.causal_lm.new_tokens is not None:
        yield (
            "spec.search.parameters: what has newTokens is a complete model, of which QLoRA makes none: remove QLoRA "
            "from the methods, or newTokens from the recipe"
        )
    early = any(field.split(".")[0] == "earlyStopping" for field in varied)
    best = "publish" in varied and "Best" in values("publish")
    if (early or best) and recipe.causal_lm.evaluate_every_steps is None and "evaluateEverySteps" not in varied:
        yield (
            "spec.search.parameters: earlyStopping and publish Best need measurements on the way: set "
            "recipe.causalLM.evaluateEverySteps"
        )


def _every(axis: Axis) -> Sequence[str]:
    match axis:
        case IntAxis(low=low, high=high, step=step):
            return [str(value) for value in range(low, high + 1, step)]
        case _:
            return _extremes(axis)


def _at(member: dict[str, Any], field: str) -> Any:
    node: Any = member
    for name in field.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
