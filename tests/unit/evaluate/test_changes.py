"""Are the items that got worse named, the worst first?"""

from __future__ import annotations

import math

from slipway.api.common import NamedMetric
from slipway.api.modelversion import ID_LENGTH, MetricResult
from slipway.contract.result import LIMIT, Evaluated, encode
from slipway_train_torch.evaluate.changes import fitting, gains, listed, worse
from slipway_train_torch.evaluate.results import Figure

LOSS = NamedMetric.model_validate({"name": "loss", "measure": {"heldOutLoss": {}}})
VALID = NamedMetric.model_validate({"name": "valid", "measure": {"blueprintValidity": {}}})


def figures(weight: float = 1.0, **amounts: float) -> list[Figure]:
    return [Figure(name, name, amount, weight, {}) for name, amount in amounts.items()]


def test_what_lost_most_comes_first_whichever_way_is_better() -> None:
    now, then = figures(a=1.0, b=3.0, c=2.0, d=2.0), figures(a=2.0, b=1.0, c=1.0, d=2.0)
    assert [(one.now.id, one.at, one.gain) for one in listed(LOSS, now, then)] == [
        ("b", 2, -2.0), ("c", 3, -1.0), ("d", 4, 0.0), ("a", 1, 1.0),
    ]  # fmt: skip
    assert next((one.now.id, one.gain) for one in listed(VALID, now, then)) == ("a", -1.0)


def test_a_gain_is_told_per_token() -> None:
    (one,) = listed(LOSS, figures(10, a=30.0), figures(10, a=20.0))
    assert one.gain == -1.0
    (empty,) = listed(LOSS, figures(0, a=0.0), figures(0, a=0.0))
    assert empty.gain == 0.0, "a row without a trained token has nothing to lose"


def test_an_item_without_a_number_lost_most() -> None:
    found = list(listed(LOSS, figures(a=9.0, b=math.nan), figures(a=1.0, b=1.0)))
    assert [(one.now.id, one.gain) for one in found] == [("b", None), ("a", -8.0)]


def test_without_a_pair_items_stay_as_they_were_chosen() -> None:
    now = figures(b=3.0, a=1.0)
    assert [(one.now.id, one.then, one.gain) for one in listed(LOSS, now, None)] == [
        ("b", None, None),
        ("a", None, None),
    ]
    other = figures(2.0, b=1.0, a=2.0)
    found = list(listed(LOSS, now, other))
    assert [(one.now.id, one.gain) for one in found] == [("b", None), ("a", None)], "other tokens are no pair"
    assert found[0].then == other[0]
    assert gains(LOSS, now, other) is None


def test_three_at_most_are_named_by_what_tells_of_their_names() -> None:
    now = figures(**{"a": 2.0, "b": 5.0, "c": 3.0, "d": 4.0, "e": 0.0})
    then = figures(**dict.fromkeys("abcde", 1.0))
    found = gains(LOSS, now, then)
    assert found is not None
    assert worse(now, found) == (4, ["b", "d", "c"])
    path = "very/" * 40 + "long.t3d#K2Node_3"
    now, then = figures(**{path: 2.0}), figures(**{path: 1.0})
    count, (name,) = worse(now, gains(LOSS, now, then) or [])
    assert count == 1
    assert len(name) == ID_LENGTH
    assert name.startswith("…")
    assert name.endswith("long.t3d#K2Node_3")


def test_names_go_before_a_result_does_not_fit() -> None:
    names = [f"{letter * 90}" for letter in "xyz"]
    metrics = tuple(MetricResult(name=f"m{at}", value="1", samples=9, worse=5, worst=names) for at in range(16))
    result = Evaluated(digest="d", metrics=metrics)
    told = fitting(result)
    assert len(encode(told).encode()) <= LIMIT
    assert [metric.worse for metric in told.metrics] == [5] * 16
    assert all(metric.worst == names[:2] for metric in told.metrics), "as many as fit, of every metric"
    assert fitting(told) == told
