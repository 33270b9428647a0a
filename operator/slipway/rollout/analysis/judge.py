"""What do one metric's figures say about the candidate?

An absolute bound is compared with the window's share or quantile. Pass and Fail need minSamples requests. Fewer are
judged only where they leave no doubt: three or more failures that a version at the bound would show in at most one
measurement of a thousand (exact binomial tail). So a total outage at a bound of 1 % fails after 3 requests, at 20 %
after 5; 1 failure of 3 requests never fails.

A bound relative to stable fails by evidence (comparison.py), and passes where the window's figures are within it.
Stable's figures are told with the candidate's whatever the bound: who reads of a verdict wants to know whether stable
did any better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from slipway.api.analysis import AnalysisMetric, ErrorRate, EvidenceStatus, Latency, Outcome, PrometheusMetric
from slipway.plan import Answer
from slipway.rollout.analysis import votes
from slipway.rollout.analysis.binomial import tail
from slipway.rollout.analysis.bounds import bounded, reported
from slipway.rollout.analysis.comparison import odds, proven
from slipway.rollout.analysis.counted import Series, counts, histogram, part
from slipway.rollout.analysis.judgement import Judgement
from slipway.rollout.analysis.queries import Scope
from slipway.rollout.analysis.written import weighed

EARLY_DOUBT = 0.001
EARLY_FAILURES = 3


@dataclass(frozen=True)
class Relation:
    """How a metric stands to its bound relative to stable."""

    needed: int
    """The samples that each side needs."""
    evidence: EvidenceStatus | None
    beyond: bool
    """The window's figures are beyond the bound."""
    over: bool
    """Stable's requests lie behind it: no more will come."""
    many: str = votes.REQUESTS.many
    """What is counted, as people call it."""


def judge(metric: AnalysisMetric, answer: Answer, scope: Scope, evidence: EvidenceStatus | None = None) -> Judgement:
    """Return what `answer`, weighed in `evidence` where the metric compares with stable, says about the candidate."""
    if answer.error:
        return Judgement("Error", answer.error[:1000])
    rate = votes.rate(metric)
    if rate is not None:
        return _error_rate(rate, part(answer.series), scope, evidence, votes.words(metric))
    if metric.latency is not None:
        return _latency(metric.latency, part(answer.series), scope, evidence)
    return _own(metric, answer)


def _own(metric: AnalysisMetric, answer: Answer) -> Judgement:
    """Judge a source of the user's own."""
    if metric.job is not None:
        return reported(metric.job, answer)
    if metric.web is not None:
        return bounded(metric.web, [value for _, value in answer.series])
    assert metric.prometheus is not None
    return _free(metric.prometheus, answer.series)


def _error_rate(
    rule: ErrorRate, series: Series, scope: Scope, evidence: EvidenceStatus | None, words: votes.Words
) -> Judgement:
    mine = counts(series, scope.candidate.revision, rule)
    theirs = counts(series, scope.stable.revision, rule)
    relative = rule.max_increase_percent is not None
    absolute = float(rule.max_percent) if rule.max_percent is not None else None
    compared = theirs.percent + float(rule.max_increase_percent or 0) if relative else None
    known = compared if theirs.requests >= rule.min_samples else None
    found = Judgement(
        "Pass", "", candidate=mine.percent, stable=theirs.percent if theirs.requests else None,
        bound=_least(absolute, known), samples=mine.requests, stable_samples=theirs.requests,
    )  # fmt: skip
    beside = _beside(f"{theirs.percent:.2f} %", theirs.requests, compared=known is not None)
    counted = f"{mine.failures} of {mine.requests} {words.many} in {scope.candidate.window} s"
    figures = f"{mine.percent:.2f} % ({counted}) {words.bad}"
    if evidence is not None and proven(evidence):
        return _says(found, "Fail", _more_failed(evidence, rule, words))
    if not mine.requests:
        return _says(found, "NoData", f"no {words.many} in {scope.candidate.window} s")
    if absolute is not None and mine.percent > absolute:
        against = f"{figures}, allowed {absolute:.6g} %{beside}"
        if mine.requests >= rule.min_samples:
            return _says(found, "Fail", against)
        if mine.failures >= EARLY_FAILURES and tail(mine.failures, mine.requests, absolute / 100) <= EARLY_DOUBT:
            return _says(found, "Fail", f"{against}; beyond doubt although minSamples is {rule.min_samples}")
    said = f"{figures}, {_against(found.bound, '%')}{beside}"
    beyond = known is not None and mine.percent > known
    over = scope.stable.until is not None
    relation = Relation(rule.min_samples, evidence, beyond, over, words.many) if relative else None
    return _enough(found, said, rule.min_samples, relation)


def _latency(rule: Latency, series: Series, scope: Scope, evidence: EvidenceStatus | None) -> Judgement:
    mine = histogram(series, scope.candidate.revision)
    theirs = histogram(series, scope.stable.revision)
    ours, others = round(mine.total), round(theirs.total)
    value, baseline = mine.quantile(rule.quantile_percent), theirs.quantile(rule.quantile_percent)
    relative = rule.max_increase_percent is not None
    absolute = float(rule.max_milliseconds) if rule.max_milliseconds is not None else None
    compared = baseline * (1 + (rule.max_increase_percent or 0) / 100) if relative else None
    known = compared if others >= rule.min_samples else None
    found = Judgement(
        "Pass", "", candidate=value if ours else None, stable=baseline if others else None,
        bound=_least(absolute, known), samples=ours, stable_samples=others,
    )  # fmt: skip
    beside = _beside(f"{baseline:.0f} ms", others, compared=known is not None)
    figures = f"p{rule.quantile_percent} is {value:.0f} ms ({ours} requests in {scope.candidate.window} s)"
    if evidence is not None and proven(evidence):
        return _says(found, "Fail", _more_slow(evidence, rule))
    if not ours:
        return _says(found, "NoData", f"no requests in {scope.candidate.window} s")
    if absolute is not None and value > absolute and ours >= rule.min_samples:
        return _says(found, "Fail", f"{figures}, allowed {absolute:.6g} ms{beside}")
    words = f"{figures}, {_against(found.bound, 'ms')}{beside}"
    beyond = known is not None and value > known
    over = scope.stable.until is not None
    relation = Relation(rule.min_samples, evidence, beyond, over) if relative else None
    return _enough(found, words, rule.min_samples, relation)


def _free(rule: PrometheusMetric, series: Sequence[tuple[object, float]]) -> Judgement:
    """Judge a query of the user's own; `series` of the rule says what several results are."""
    values = [value for _, value in series]
    numbers = [value for value in values if isfinite(value)]
    if len(values) > 1 and rule.series == "Single":
        cure = "aggregate it to one, with sum() for example, or set prometheus.series to All or Any"
        return Judgement("Error", f"the query returned {len(values)} series: {cure}")
    if not values:
        return Judgement("NoData", "the query returned nothing")
    if not numbers or (len(numbers) < len(values) and rule.series != "Any"):
        odd = next(value for value in values if not isfinite(value))
        which = f"{len(values) - len(numbers)} of {len(values)} series are" if len(values) > 1 else "the query returned"
        return Judgement("NoData", f"{which} {odd}: it has no data to divide by")
    judged = [bounded(rule, [value]) for value in numbers]
    # All is as good as its worst series, Any as its best.
    wanted = "Pass" if rule.series == "Any" else "Fail"
    found = next((each for each in judged if each.outcome == wanted), judged[0])
    passed = sum(each.outcome == "Pass" for each in judged)
    if len(values) == 1:
        return found
    return _says(found, found.outcome, f"{found.message}; {passed} of {len(values)} series pass")


def _enough(found: Judgement, words: str, needed: int, relation: Relation | None) -> Judgement:
    """Return Pass where each side has its samples, and nothing suggests that the candidate is worse than allowed."""
    if found.samples < needed:
        return _says(found, "TooFewSamples", f"{words}; {needed} are needed for a verdict")
    why = _undecided(found, relation) if relation is not None else ""
    return _says(found, "TooFewSamples", f"{words}; {why}") if why else _says(found, "Pass", words)


def _undecided(found: Judgement, relation: Relation) -> str:
    """Say why a comparison with stable does not pass yet."""
    if found.stable_samples < relation.needed:
        said = f"stable has {found.stable_samples} {relation.many} to compare with, {relation.needed} are needed"
        cure = "all traffic is the candidate's, so no more will come: give the metric an absolute bound, or abort"
        return f"{said}; {cure}" if relation.over else said
    if relation.evidence is None or not weighed(relation.evidence)[0].requests:
        cure = "Prometheus has to scrape envoy_server_uptime of the pods of both, and know it within delaySeconds"
        return f"no {relation.many} could be counted yet: {cure}"
    if relation.beyond:
        times, needed = float(relation.evidence.times), float(relation.evidence.needed)
        return f"beyond the bound, but chance may explain it: evidence {times:.3g}, a verdict needs {needed:.0f}"
    return ""


def _more_failed(evidence: EvidenceStatus, rule: ErrorRate, words: votes.Words) -> str:
    mine, theirs = weighed(evidence)
    return (
        f"candidate {mine.percent:.2f} % of {mine.requests:.0f} {words.bad}, stable {theirs.percent:.2f} % of "
        f"{theirs.requests:.0f} (allowed +{rule.max_increase_percent}); chance of such a difference by luck below "
        f"{odds(evidence)}"
    )


def _more_slow(evidence: EvidenceStatus, rule: Latency) -> str:
    mine, theirs = weighed(evidence)
    return (
        f"too slow were {mine.percent:.2f} % of the candidate's {mine.requests:.0f} requests, and {theirs.percent:.2f} "
        f"% of stable's {theirs.requests:.0f} if it were {rule.max_increase_percent} % slower, around p"
        f"{rule.quantile_percent}; chance of such a difference by luck below {odds(evidence)}"
    )


def _says(found: Judgement, outcome: Outcome, message: str) -> Judgement:
    return replace(found, outcome=outcome, message=message)


def _against(bound: float | None, unit: str) -> str:
    return "no bound yet" if bound is None else f"allowed {bound:.6g} {unit}"


def _beside(figure: str, samples: int, *, compared: bool) -> str:
    """Return stable's figure, and how much it is worth where nothing is held against it."""
    if compared:
        return f" (stable has {figure})"
    return f" (stable: {figure} of {samples})" if samples else ""


def _least(*bounds: float | None) -> float | None:
    given = [bound for bound in bounds if bound is not None]
    return min(given) if given else None
