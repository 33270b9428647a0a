"""What do one metric's figures say about the candidate?

Pass and Fail need minSamples requests. Fewer are judged only where they leave no doubt: three or more failures that a
version at the bound would show in at most one measurement of a thousand (exact binomial tail). So a total outage at a
bound of 1 % fails after 3 requests, at 20 % after 5; 1 failure of 3 requests never fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, isinf, isnan

from slipway.api.analysis import AnalysisMetric, ErrorRate, Latency, Outcome, PrometheusMetric
from slipway.plan import Answer
from slipway.rollout.analysis.binomial import tail
from slipway.rollout.analysis.bounds import bounded, reported
from slipway.rollout.analysis.judgement import Judgement
from slipway.rollout.analysis.queries import CODE, RESET, Scope

EARLY_DOUBT = 0.001
EARLY_FAILURES = 3

Series = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True)
class Counts:
    """Requests of one version, and how many of them failed."""

    requests: int = 0
    failures: int = 0

    @property
    def percent(self) -> float:
        """Failures per hundred requests."""
        return 100.0 * self.failures / self.requests if self.requests else 0.0


def judge(metric: AnalysisMetric, answer: Answer, scope: Scope) -> Judgement:
    """Return what `answer` says about the candidate."""
    if answer.error:
        return Judgement("Error", answer.error[:1000])
    if metric.error_rate is not None:
        return _error_rate(metric.error_rate, answer.series, scope)
    if metric.latency is not None:
        return _latency(metric.latency, answer.series, scope)
    if metric.job is not None:
        return reported(metric.job, answer)
    if metric.web is not None:
        return bounded(metric.web, [value for _, value in answer.series])
    assert metric.prometheus is not None
    return _free(metric.prometheus, answer.series)


def _error_rate(rule: ErrorRate, series: Series, scope: Scope) -> Judgement:
    series = tuple(series)
    mine = counts(series, scope.candidate.revision, rule)
    theirs = counts(series, scope.stable.revision, rule)
    relative = rule.max_increase_percent is not None
    absolute = float(rule.max_percent) if rule.max_percent is not None else None
    compared = theirs.percent + float(rule.max_increase_percent or 0) if relative else None
    known = compared if theirs.requests >= rule.min_samples else None
    bound = _least(absolute, known)
    found = Judgement(
        "Pass", "", candidate=mine.percent, stable=theirs.percent if known is not None else None, bound=bound,
        samples=mine.requests,
    )  # fmt: skip
    figures = f"{mine.percent:.2f} % ({mine.failures} of {mine.requests} requests in {scope.candidate.window} s) failed"
    against = _against(bound, known, f"stable has {theirs.percent:.2f} %", "%")
    if not mine.requests:
        return _with(found, "NoData", f"no requests in {scope.candidate.window} s")
    if bound is not None and mine.percent > bound:
        if mine.requests >= rule.min_samples:
            return _with(found, "Fail", f"{figures}, {against}")
        if mine.failures >= EARLY_FAILURES and tail(mine.failures, mine.requests, bound / 100) <= EARLY_DOUBT:
            return _with(found, "Fail", f"{figures}, {against}; beyond doubt although minSamples is {rule.min_samples}")
    return _enough(found, rule.min_samples, figures, against, theirs.requests if relative and known is None else None)


def _latency(rule: Latency, series: Series, scope: Scope) -> Judgement:
    series = tuple(series)
    mine, samples = quantile(series, scope.candidate.revision, rule.quantile_percent)
    theirs, others = quantile(series, scope.stable.revision, rule.quantile_percent)
    relative = rule.max_increase_percent is not None
    absolute = float(rule.max_milliseconds) if rule.max_milliseconds is not None else None
    compared = theirs * (1 + (rule.max_increase_percent or 0) / 100) if relative else None
    known = compared if others >= rule.min_samples else None
    bound = _least(absolute, known)
    found = Judgement(
        "Pass", "", candidate=mine, stable=theirs if known is not None else None, bound=bound, samples=samples
    )
    figures = f"p{rule.quantile_percent} is {mine:.0f} ms ({samples} requests in {scope.candidate.window} s)"
    against = _against(bound, known, f"stable has {theirs:.0f} ms", "ms")
    if not samples:
        return Judgement("NoData", f"no requests in {scope.candidate.window} s", bound=bound)
    if bound is not None and mine > bound and samples >= rule.min_samples:
        return _with(found, "Fail", f"{figures}, {against}")
    return _enough(found, rule.min_samples, figures, against, others if relative and known is None else None)


def _free(rule: PrometheusMetric, series: Series) -> Judgement:
    values = [value for _, value in series]
    if len(values) > 1:
        return Judgement(
            "Error", f"the query returned {len(values)} series: aggregate it to one, with sum() for example"
        )
    if not values:
        return Judgement("NoData", "the query returned nothing")
    if not isfinite(values[0]):
        return Judgement("NoData", f"the query returned {values[0]}: it has no data to divide by")
    return bounded(rule, values)


def _enough(found: Judgement, needed: int, figures: str, against: str, others: int | None) -> Judgement:
    """Return Pass where candidate and stable have their samples. `others` are stable's, where they are too few."""
    if found.samples < needed:
        return _with(found, "TooFewSamples", f"{figures}; {needed} are needed for a verdict")
    if others is not None:
        return _with(
            found, "TooFewSamples", f"{figures}; stable has {others} requests to compare with, {needed} are needed"
        )
    return _with(found, "Pass", f"{figures}, {against}")


def _with(found: Judgement, outcome: Outcome, message: str) -> Judgement:
    return Judgement(outcome, message, found.candidate, found.stable, found.bound, found.samples)


def _against(bound: float | None, known: float | None, stable: str, unit: str) -> str:
    if bound is None:
        return "no bound yet"
    return f"allowed {bound:.6g} {unit}" + (f" ({stable})" if known is not None else "")


def _least(*bounds: float | None) -> float | None:
    given = [bound for bound in bounds if bound is not None]
    return min(given) if given else None


def counts(series: Series, revision: str, rule: ErrorRate) -> Counts:
    """Return whole requests: increase() extrapolates to the window's edges and gives fractions."""
    by_class: dict[str, float] = {}
    for labels, value in series:
        if labels.get("revision") == revision and isfinite(value):
            by_class[labels.get(CODE, "")] = by_class.get(labels.get(CODE, ""), 0.0) + value
    # A broken answer stands among the good codes too, hence it adds no request. 1xx are no final answers.
    requests = round(sum(value for name, value in by_class.items() if name in ("2", "3", "4", "5")))
    failed = {"ServerError": ("5", RESET), "ClientError": ("4",)}
    failures = round(sum(by_class.get(name, 0.0) for word in rule.failures for name in failed[word]))
    return Counts(requests, min(failures, requests))


def quantile(series: Series, revision: str, percent: int) -> tuple[float, int]:
    """Return the quantile in milliseconds, interpolated within its bucket, and the number of requests.

    Beyond the last finite bucket the answer is that bucket's bound, as in Prometheus' histogram_quantile.
    """
    cumulated: dict[float, float] = {}
    for labels, value in series:
        if labels.get("revision") == revision and not isnan(value):
            bound = float(labels.get("le", "nan"))
            cumulated[bound] = cumulated.get(bound, 0.0) + value
    total = cumulated.get(float("inf"), 0.0)
    rank, below, lower = total * percent / 100, 0.0, 0.0
    for bound, count in sorted(cumulated.items()):
        if isinf(bound):
            break
        if count >= rank and count > below:
            return lower + (bound - lower) * (rank - below) / (count - below), round(total)
        below, lower = max(below, count), bound
    return lower, round(total)
