"""What do two lists of figures say about each other?"""

from __future__ import annotations

import math

import pytest

from slipway.api.common import ArtifactRef, Evaluation, EvaluationMetric
from slipway.contract.job import Store, Subject
from slipway_train_torch.evaluate.bounds import binary_bound
from slipway_train_torch.evaluate.compare import compare
from slipway_train_torch.evaluate.results import Figure, Results, key_of

EVALUATION = Evaluation.model_validate(
    {
        "metrics": [
            {"name": "loss", "measure": {"heldOutLoss": {}}},
            {"name": "valid", "measure": {"blueprintValidity": {}}},
        ],
        "gates": [
            {"name": "a", "metric": "loss", "minImprovement": "0", "confidencePercent": 80},
            {"name": "b", "metric": "valid", "max": "1", "confidencePercent": 70},
        ],
    }
)
LOSS, VALID = EVALUATION.metrics


def figures(amounts: list[float], weight: float = 1.0) -> list[Figure]:
    return [Figure(str(at), f"g{at}", amount, weight, {}) for at, amount in enumerate(amounts)]


def test_a_lower_loss_is_an_improvement() -> None:
    found = compare(LOSS, EVALUATION, figures([10.0] * 8, 10), figures([20.0 + at for at in range(8)], 10))
    assert found is not None
    assert (found.metric.value, found.metric.reference, found.metric.improvement) == ("1", "2.35", "1.35")
    assert found.metric.samples == 8
    assert set(found.lower_bounds) == {"80", "95"}, "what gates ask for, and 95 for people"
    assert float(found.lower_bounds["95"]) <= float(found.lower_bounds["80"]) < 1.35


def test_more_valid_answers_are_an_improvement() -> None:
    found = compare(VALID, EVALUATION, figures([1.0] * 9 + [0.0]), figures([0.0] * 9 + [1.0]))
    assert found is not None
    assert (found.metric.value, found.metric.reference, found.metric.improvement) == ("0.9", "0.1", "0.8")
    assert set(found.lower_bounds) == {"95"}, "a gate without minImprovement asks for no bound"
    assert 0 < float(found.lower_bounds["95"]) < 0.8


def test_many_answers_of_few_files_prove_nothing() -> None:
    def of_groups(count: int, amount: float) -> list[Figure]:
        return [Figure(str(at), f"g{at % count}", amount, 1.0, {}) for at in range(40)]

    few = compare(VALID, EVALUATION, of_groups(4, 1.0), of_groups(4, 0.0))
    some = compare(VALID, EVALUATION, of_groups(8, 1.0), of_groups(8, 0.0))
    alone = compare(VALID, EVALUATION, of_groups(40, 1.0), of_groups(40, 0.0))
    assert few is not None
    assert some is not None
    assert alone is not None
    assert few.lower_bounds == {}
    assert float(some.lower_bounds["95"]) == pytest.approx(binary_bound(8, 0, 8, 95), abs=1e-5), "as eight items"
    assert float(alone.lower_bounds["95"]) == pytest.approx(binary_bound(40, 0, 40, 95), abs=1e-5)
    assert (some.metric.worse, some.metric.worst) == (0, [])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_figure_that_is_no_number_is_left_out(broken: float) -> None:
    good = figures([1.0] * 6)
    assert compare(LOSS, EVALUATION, figures([broken, *[1.0] * 5]), good) is None
    found = compare(LOSS, EVALUATION, good, figures([broken, *[1.0] * 5]))
    assert found is not None
    assert found.metric.reference is None
    assert not found.lower_bounds


def test_losses_per_other_tokens_are_no_pair() -> None:
    found = compare(LOSS, EVALUATION, figures([10.0] * 8, 10), figures([10.0] * 8, 11))
    assert found is not None
    assert found.metric.improvement is None
    assert not found.lower_bounds


def test_without_reference_there_is_a_value_only() -> None:
    found = compare(LOSS, EVALUATION, figures([10.0] * 8, 10), None)
    assert found is not None
    assert (found.metric.value, found.metric.improvement, found.lower_bounds) == ("1", None, {})


def ref(letter: str) -> ArtifactRef:
    return ArtifactRef(uri=f"s3://slipway/{letter}/", digest="sha256:" + letter * 64)


def subject(name: str = "v1", letter: str = "a", base: str = "b") -> Subject:
    return Subject(
        name=name, artifact=ref(letter), kind="Adapter", formats=("SafeTensors", "GGUF"), base_model=ref(base)
    )


def test_the_key_is_made_of_all_that_determines_a_figure_and_of_nothing_else() -> None:
    few = EvaluationMetric.model_validate({"heldOutLoss": {"maxExamples": 9}})
    key = key_of(subject(), ref("d"), LOSS.measure, 0, ("pydantic",))
    assert key == key_of(subject(name="production"), ref("d"), LOSS.measure, 0, ("pydantic",))
    others = {
        key_of(subject(letter="c"), ref("d"), LOSS.measure, 0, ("pydantic",)),
        key_of(subject(base="c"), ref("d"), LOSS.measure, 0, ("pydantic",)),
        key_of(subject(), ref("e"), LOSS.measure, 0, ("pydantic",)),
        key_of(subject(), ref("d"), few, 0, ("pydantic",)),
        key_of(subject(), ref("d"), LOSS.measure, 1, ("pydantic",)),
        key_of(subject(), ref("d"), LOSS.measure, 0, ("pydantic", "obstore")),
    }
    assert len({key, *others}) == 7


def test_figures_are_measured_once(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "slipway").mkdir()
    results = Results(Store(endpoint=f"file://{tmp_path}", bucket="slipway"))
    told = [
        Figure("a", "g", math.nan, 2.0, {"why": "é"}),
        Figure("b", "g", 0.1 + 0.2, 1.0, {"answer": "x\u2028y\x85\r\n"}),
    ]
    first = results.measured("k", lambda: told)
    again = results.measured("k", lambda: pytest.fail("measured twice"))
    assert [f.line() for f in again] == [f.line() for f in first]
    assert math.isnan(again[0].amount)
    assert again[1].amount == 0.1 + 0.2
    assert results.report("r", [{"a": 1}]) == "s3://slipway/slipway/evaluations/r/report.jsonl"


def test_a_broken_measurement_is_not_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "slipway").mkdir()
    results = Results(Store(endpoint=f"file://{tmp_path}", bucket="slipway"))

    def breaks():  # type: ignore[no-untyped-def]
        yield Figure("a", "g", 1.0, 1.0, {})
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        results.measured("k", breaks)
    assert len(results.measured("k", lambda: figures([1.0, 2.0]))) == 2
