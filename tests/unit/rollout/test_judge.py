"""Do figures become the right outcome, with the numbers in the message?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import comb, inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.analysis import AnalysisMetric, EvidenceStatus, StepEvidence
from slipway.api.base import significant
from slipway.plan import Answer
from slipway.rollout.analysis.binomial import tail
from slipway.rollout.analysis.counted import histogram
from slipway.rollout.analysis.judge import Judgement, judge
from slipway.rollout.analysis.queries import Scope, Side, query
from slipway.rollout.rollout import Rollout
from tests.unit.rollout.world import World

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SCOPE = Scope(Rollout.parse(World().root), Side("c", 30), Side("s", 60, until=NOW))


def codes(
    revision: str, good: float, bad: float, refused: float = 0, broken: float = 0
) -> list[tuple[dict[str, str], float]]:
    numbers = {"1": 7.0, "2": good, "4": refused, "5": bad, "reset": broken}
    return [({"revision": revision, "envoy_response_code_class": name}, n) for name, n in numbers.items()]


def evidence(times: str = "1", weighed: int = 100) -> EvidenceStatus:
    """Return evidence that reaches `times` of 100 needed."""
    steps = [StepEvidence(step=0, candidate=weighed, candidate_bad=weighed // 10, stable=9 * weighed, stable_bad=9)]
    return EvidenceStatus(rule="x", until="2026-11-20T03:00:00Z", percent=10, times=times, needed="100", steps=steps)


def error_rate(series: list[Any], found: EvidenceStatus | None = None, scope: Scope = SCOPE, **rule: Any) -> Judgement:
    metric = AnalysisMetric.model_validate({"name": "errors", "errorRate": {"minSamples": 50} | rule})
    return judge(metric, Answer(NOW, tuple(series)), scope, found or evidence())


def test_a_stable_that_can_show_no_more_names_the_cure() -> None:
    few = [*codes("c", 100, 0), *codes("s", 10, 0)]
    over = error_rate(few, maxIncreasePercent="1")
    assert over.outcome == "TooFewSamples"
    assert "no more will come: give the metric an absolute bound, or abort" in over.message
    going_on = error_rate(few, scope=replace(SCOPE, stable=Side("s", 60)), maxIncreasePercent="1")
    assert going_on.outcome == "TooFewSamples"
    assert "no more will come" not in going_on.message


ERROR_RATES = [
    # candidate's series, stable's series, rule, outcome
    (codes("c", 100, 1), [], {"maxPercent": "1"}, "Pass"),
    (codes("c", 100, 2), [], {"maxPercent": "1"}, "Fail"),
    (codes("c", 50, 0, refused=50), [], {"maxPercent": "1"}, "Pass"),
    (codes("c", 50, 0, refused=50), [], {"maxPercent": "1", "failures": ["ClientError"]}, "Fail"),
    (codes("c", 100, 0, broken=10), [], {"maxPercent": "1"}, "Fail"),
    ([], [], {"maxPercent": "1"}, "NoData"),
    (codes("c", 0, 0), [], {"maxPercent": "1"}, "NoData"),
    (codes("c", 0.2, 0.2), [], {"maxPercent": "1"}, "NoData"),
    (codes("c", 49, 0), [], {"maxPercent": "1"}, "TooFewSamples"),
    (codes("c", 2, 1), [], {"maxPercent": "1"}, "TooFewSamples"),
    (codes("c", 0, 2), [], {"maxPercent": "1"}, "TooFewSamples"),
    (codes("c", 0, 3), [], {"maxPercent": "1"}, "Fail"),
    (codes("c", 0, 4), [], {"maxPercent": "20"}, "TooFewSamples"),
    (codes("c", 0, 5), [], {"maxPercent": "20"}, "Fail"),
    (codes("c", 0, 60), [], {"maxPercent": "100"}, "Pass"),
    (codes("c", 95, 5), codes("s", 970, 30), {"maxIncreasePercent": "2"}, "Pass"),
    (codes("c", 94, 6), codes("s", 970, 30), {"maxIncreasePercent": "2"}, "TooFewSamples"),
    (codes("c", 100, 0), codes("s", 40, 0), {"maxIncreasePercent": "2"}, "TooFewSamples"),
    (codes("c", 95, 5), codes("s", 90, 10), {"maxPercent": "4", "maxIncreasePercent": "2"}, "Fail"),
    (codes("c", 95, 5), codes("s", 99, 1), {"maxPercent": "10", "maxIncreasePercent": "2"}, "TooFewSamples"),
    (codes("c", 50, 50), codes("s", 4, 0), {"maxPercent": "10", "maxIncreasePercent": "2"}, "Fail"),
]


@pytest.mark.parametrize(("mine", "theirs", "rule", "outcome"), ERROR_RATES)
def test_error_rates(mine: list[Any], theirs: list[Any], rule: dict[str, Any], outcome: str) -> None:
    found = error_rate([*mine, *theirs], **rule)
    assert found.outcome == outcome, found.message
    assert found.message


def test_a_comparison_fails_by_evidence_alone() -> None:
    series = [*codes("c", 98, 2), *codes("s", 970, 30)]
    assert error_rate(series, evidence("99.9"), maxIncreasePercent="2").outcome == "Pass"
    found = error_rate(series, evidence("250.7"), maxIncreasePercent="2")
    assert found.outcome == "Fail"
    assert found.message == (
        "candidate 10.00 % of 100 failed, stable 1.00 % of 900 (allowed +2); "
        "chance of such a difference by luck below 1 in 250"
    )


def test_a_comparison_beyond_its_bound_is_held_while_chance_may_explain_it() -> None:
    found = error_rate([*codes("c", 90, 10), *codes("s", 990, 10)], evidence("12.34"), maxIncreasePercent="2")
    assert found.outcome == "TooFewSamples"
    assert found.message == (
        "10.00 % (10 of 100 requests in 30 s) failed, allowed 3 % (stable has 1.00 %); "
        "beyond the bound, but chance may explain it: evidence 12.3, a verdict needs 100"
    )
    assert (found.candidate, found.stable, found.bound, found.samples) == (10.0, 1.0, 3.0, 100)
    assert found.stable_samples == 1000


def test_a_comparison_that_could_weigh_nothing_never_passes() -> None:
    found = error_rate([*codes("c", 100, 0), *codes("s", 990, 10)], evidence(weighed=0), maxIncreasePercent="2")
    assert found.outcome == "TooFewSamples"
    assert "envoy_server_uptime" in found.message


def test_an_error_is_an_error_whatever_was_asked() -> None:
    metric = AnalysisMetric.model_validate({"name": "x", "latency": {"maxMilliseconds": 5}})
    found = judge(metric, Answer(NOW, error="connection refused"), SCOPE)
    assert (found.outcome, "connection refused" in found.message) == ("Error", True)


def buckets(revision: str, counts: dict[float, float]) -> list[tuple[dict[str, str], float]]:
    names = {bound: "+Inf" if bound == inf else f"{bound:g}" for bound in counts}
    return [({"revision": revision, "le": names[bound]}, n) for bound, n in counts.items()]


LATENCIES = [
    (buckets("c", {100: 95, 200: 100, inf: 100}), [], {"maxMilliseconds": 100}, "Pass"),
    (buckets("c", {100: 90, 200: 100, inf: 100}), [], {"maxMilliseconds": 100}, "Fail"),
    (buckets("c", {100: 30, 200: 40, inf: 49}), [], {"maxMilliseconds": 100}, "TooFewSamples"),
    (buckets("c", {100: 0, inf: 0}), [], {"maxMilliseconds": 100}, "NoData"),
    ([], [], {"maxMilliseconds": 100}, "NoData"),
    (buckets("c", {100: nan, inf: nan}), [], {"maxMilliseconds": 100}, "NoData"),
    (buckets("c", {100: 0, inf: 100}), [], {"maxMilliseconds": 99}, "Fail"),
    (buckets("c", {110: 100, inf: 100}), buckets("s", {100: 100, inf: 100}), {"maxIncreasePercent": 20}, "Pass"),
    (
        buckets("c", {130: 100, inf: 100}),
        buckets("s", {100: 100, inf: 100}),
        {"maxIncreasePercent": 20},
        "TooFewSamples",
    ),
    (buckets("c", {130: 100, inf: 100}), buckets("s", {100: 10, inf: 10}), {"maxIncreasePercent": 20}, "TooFewSamples"),
]


@pytest.mark.parametrize(("mine", "theirs", "rule", "outcome"), LATENCIES)
def test_latencies(mine: list[Any], theirs: list[Any], rule: dict[str, Any], outcome: str) -> None:
    metric = AnalysisMetric.model_validate({"name": "slow", "latency": {"minSamples": 50} | rule})
    found = judge(metric, Answer(NOW, (*mine, *theirs)), SCOPE, evidence())
    assert found.outcome == outcome, found.message


FREE = [
    # values, rule, outcome, the value that is told
    ([0.5], {"max": "1"}, "Pass", 0.5),
    ([1.5], {"max": "1"}, "Fail", 1.5),
    ([0.5], {"min": "1"}, "Fail", 0.5),
    ([5.0], {"min": "1", "max": "9"}, "Pass", 5.0),
    ([], {"max": "1"}, "NoData", None),
    ([nan], {"max": "1"}, "NoData", None),
    ([inf], {"max": "1"}, "NoData", None),
    ([-inf], {"min": "1"}, "NoData", None),
    ([0.1, 0.2], {"max": "1"}, "Error", None),
    ([nan, 0.2], {"max": "1"}, "Error", None),
    ([0.1, 0.2], {"max": "1", "series": "All"}, "Pass", 0.1),
    ([0.1, 1.2], {"max": "1", "series": "All"}, "Fail", 1.2),
    ([0.1, nan], {"max": "1", "series": "All"}, "NoData", None),
    ([], {"max": "1", "series": "All"}, "NoData", None),
    ([1.1, 0.2], {"max": "1", "series": "Any"}, "Pass", 0.2),
    ([1.1, 1.2], {"max": "1", "series": "Any"}, "Fail", 1.1),
    ([nan, 0.2], {"max": "1", "series": "Any"}, "Pass", 0.2),
    ([nan, inf], {"max": "1", "series": "Any"}, "NoData", None),
    ([], {"max": "1", "series": "Any"}, "NoData", None),
]


@pytest.mark.parametrize(("values", "rule", "outcome", "told"), FREE)
def test_free_queries(values: list[float], rule: dict[str, str], outcome: str, told: float | None) -> None:
    metric = AnalysisMetric.model_validate({"name": "free", "prometheus": {"query": "up"} | rule})
    series = tuple(({"i": str(i)}, value) for i, value in enumerate(values))
    found = judge(metric, Answer(NOW, series), SCOPE)
    assert (found.outcome, found.candidate) == (outcome, told), found.message


def test_the_words_of_a_free_query_are_replaced() -> None:
    text = "f({{model}},{{rollout}},{{namespace}},{{candidate}},{{stable}},[{{window}}],{{other}})"
    metric = AnalysisMetric.model_validate({"name": "free", "prometheus": {"query": text, "max": "1"}})
    assert query(metric, SCOPE) == "f(assistant,assistant,games,c,s,[30s],{{other}})"


@pytest.mark.parametrize("rule", [{"maxPercent": "1"}, {"maxIncreasePercent": "1"}], ids=["absolute", "relative"])
def test_one_query_asks_for_both_versions_whatever_the_bound(rule: dict[str, str]) -> None:
    metric = AnalysisMetric.model_validate({"name": "e", "errorRate": rule})
    assert 'namespace="games",rollout="assistant",revision="c"' in query(metric, SCOPE)
    assert 'namespace="games",rollout="assistant",revision="s"' in query(metric, SCOPE)
    assert f"[60s] @ {NOW.timestamp():.3f}" in query(metric, SCOPE)


def test_a_verdict_by_an_absolute_bound_tells_the_figures_of_stable_too() -> None:
    found = error_rate([*codes("c", 90, 10), *codes("s", 891, 9)], maxPercent="2")
    assert found.outcome == "Fail"
    assert found.message == ("10.00 % (10 of 100 requests in 30 s) failed, allowed 2 % (stable: 1.00 % of 900)")
    assert (found.candidate, found.stable, found.bound, found.stable_samples) == (10.0, 1.0, 2.0, 900)


def test_an_absolute_bound_needs_nothing_of_stable() -> None:
    found = error_rate(codes("c", 100, 0), maxPercent="2")
    assert found.outcome == "Pass"
    assert (found.stable, found.stable_samples) == (None, 0)
    assert found.message == "0.00 % (0 of 100 requests in 30 s) failed, allowed 2 %"


@given(st.integers(1, 200), st.data(), st.floats(0.001, 0.99))
def test_the_tail_is_the_exact_one(requests: int, data: st.DataObject, rate: float) -> None:
    failures = data.draw(st.integers(0, requests))
    exact = sum(comb(requests, k) * rate**k * (1 - rate) ** (requests - k) for k in range(failures, requests + 1))
    if failures <= requests * rate:
        assert tail(failures, requests, rate) == 1.0, "not small, and rounded up"
    else:
        assert tail(failures, requests, rate) == pytest.approx(exact, rel=1e-6)


def test_the_numbers_in_the_documentation() -> None:
    assert tail(3, 3, 0.01) <= 0.001 < tail(1, 3, 0.01)
    assert tail(5, 5, 0.20) <= 0.001 < tail(4, 4, 0.20)
    assert tail(10**6, 10**9, 0.0005) < 1e-300, "large counts take no time"


@given(st.lists(st.integers(0, 100), min_size=2, max_size=8), st.integers(1, 99))
def test_a_quantile_lies_in_the_bucket_that_holds_its_rank(sizes: list[int], percent: int) -> None:
    bounds = [10.0 * (i + 1) for i in range(len(sizes))]
    cumulated = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    series = buckets("c", dict(zip(bounds, map(float, cumulated), strict=True)) | {inf: float(cumulated[-1])})
    found = histogram(series, "c")
    value, count = found.quantile(percent), found.total
    assert count == cumulated[-1]
    if count:
        rank = count * percent / 100
        index = next(i for i, total in enumerate(cumulated) if total >= rank)
        assert bounds[index] - 10 <= value <= bounds[index]


@pytest.mark.parametrize("value", [0.0, 1.0, 12.345678, 1e-9, 2.5e12, 99999.5])
def test_numbers_are_written_as_the_api_wants_them(value: float) -> None:
    import re

    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?", significant(value) or "")
