"""What do the newest requests add to the evidence that a candidate is worse than stable, beyond what is allowed?

Each measurement weighs the requests since the one before, once. What was weighed, and the wealth it made, stand in
status: a restarted operator goes on from there. Requests during a change of share are left out, so that no batch mixes
shares. At 100 percent stable is silent: the candidate is then held against the highest rate that stable's last window
leaves possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log

from slipway.api.analysis import (
    Analysis,
    AnalysisMetric,
    ErrorRate,
    EvidenceStatus,
    Latency,
    StepEvidence,
)
from slipway.api.base import significant
from slipway.api.conditions import moment, timestamp
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest_of
from slipway.rollout.analysis import votes
from slipway.rollout.analysis.counted import Histogram, Series, counts, histogram, part
from slipway.rollout.analysis.goal import gained, lacking
from slipway.rollout.analysis.queries import BEFORE, FRESH, Fresh, Scope, Span
from slipway.rollout.analysis.sequential import NOTHING, Sample, Wealth, bet, bet_alone, upper_limit
from slipway.rollout.analysis.written import rounded_down, times, weighed
from slipway.rollout.phase import stable_ended

FROZEN_SHARE = 0.1
"""The part of the false-alarm probability that is spent on stable's rate not being known in the bake."""
MOST_STEPS = 40


def compares(metric: AnalysisMetric) -> ErrorRate | Latency | None:
    """Return the rule by which `metric` is compared with stable, if it is."""
    rule = votes.rate(metric) or metric.latency
    return rule if rule is not None and rule.max_increase_percent is not None else None


def needed(analysis: Analysis) -> float:
    """Return how many times evidence has to reach for a Fail.

    The false-alarm probability is shared out among all metrics that compare (Bonferroni): their e-values say nothing
    about each other, and each of them has to be able to fail alone.
    """
    return 1.0 / (_probability(analysis) * (1.0 - FROZEN_SHARE))


def proven(evidence: EvidenceStatus | None) -> bool:
    """Tell whether chance no longer explains how much worse the candidate is."""
    return evidence is not None and float(evidence.times) >= float(evidence.needed)


def fresh(metric: AnalysisMetric, analysis: Analysis, status: RolloutStatus, due: datetime) -> Fresh | None:
    """Return which requests the measurement due at `due` weighs: those since the last one, at one share."""
    candidate = status.candidate
    if compares(metric) is None or candidate is None or candidate.traffic_since is None:
        return None
    last = known(metric, status)
    since = moment(last.until if last is not None else candidate.traffic_since)
    begins = _one_share(since, last, status)
    ends = _known_by(due, analysis)
    if begins is None or begins >= ends:
        return None
    mine = Span(begins, ends)
    if status.percent < 100:
        return Fresh(mine, mine)
    ended = stable_ended(status)
    if status.step_started_at is None or ended is None:
        return None
    until = moment(ended)
    return Fresh(mine, Span(until - timedelta(seconds=analysis.window_seconds), until), frozen=True)


def _known_by(due: datetime, analysis: Analysis) -> datetime:
    """Return up to when everything is known at `due`.

    A scrape bears the time at which it began. What became known later would be missed for good: it lies before the
    beginning of the next batch, and was not seen with this one.
    """
    return due - timedelta(seconds=analysis.delay_seconds)


def _one_share(since: datetime, last: EvidenceStatus | None, status: RolloutStatus) -> datetime | None:
    """Return from when on all requests since the last measurement were shared out alike; None if that is not known."""
    if status.step_started_at is not None:
        return max(since, moment(status.step_started_at))
    return since if last is not None and last.percent == status.percent else None


def known(metric: AnalysisMetric, status: RolloutStatus) -> EvidenceStatus | None:
    """Return the evidence so far for what `metric` compares now; an edited comparison begins anew."""
    entry = next((entry for entry in status.analysis if entry.metric == metric.name), None)
    if entry is None or entry.evidence is None or entry.evidence.rule != _hash(metric):
        return None
    return entry.evidence


def weigh(
    metric: AnalysisMetric, series: Series, scope: Scope, status: RolloutStatus, due: datetime
) -> EvidenceStatus | None:
    """Return the evidence with the requests that `series` tells of weighed."""
    rule, candidate = compares(metric), status.candidate
    if rule is None or candidate is None or candidate.traffic_since is None:
        return None
    analysis = scope.rollout.spec.analysis
    last = known(metric, status)
    before = _wealth(last)
    batch = _batch(rule, series, scope)
    frozen = scope.fresh is not None and scope.fresh.frozen
    after = _bet(before, batch, rule, analysis, frozen=frozen)
    since = moment(last.until if last is not None else candidate.traffic_since)
    steps = _added(last.steps if last is not None else [], status.step, batch, frozen=status.percent >= 100)
    return EvidenceStatus(
        rule=_hash(metric),
        until=timestamp(max(since, _known_by(due, analysis))),
        percent=status.percent,
        times=times(after),
        needed=significant(needed(analysis)),
        steady=rounded_down(after.steady),
        sudden=rounded_down(after.sudden),
        recent=round(after.recent.requests),
        recent_bad=round(after.recent.bad),
        gain=gained(metric, scope.rollout.spec, last, batch.mine, batch.theirs) if not frozen else None,
        lack=lacking(metric, scope.rollout.spec, last, batch.mine, batch.theirs) if not frozen else None,
        steps=steps,
    )


@dataclass(frozen=True)
class Batch:
    """The requests that one measurement weighs."""

    mine: Sample = NOTHING
    theirs: Sample = NOTHING


def _batch(rule: ErrorRate | Latency, series: Series, scope: Scope) -> Batch:
    new = _counted(series, FRESH)
    mine, theirs = scope.candidate.revision, scope.stable.revision
    if isinstance(rule, ErrorRate):
        found = (counts(new, revision, rule) for revision in (mine, theirs))
        return Batch(*(Sample(each.requests, each.failures) for each in found))
    earlier = histogram(_counted(series, BEFORE), theirs)
    return Batch(*too_slow(earlier, histogram(new, mine), histogram(new, theirs), rule))


def _counted(series: Series, name: str) -> Series:
    """Return one part of the counted requests.

    Counters that went away between two looks leave fewer than before: that is no evidence of anything.
    """
    return [(labels, max(value, 0.0)) for labels, value in part(series, name)]


def too_slow(earlier: Histogram, mine: Histogram, theirs: Histogram, rule: Latency) -> tuple[Sample, Sample]:
    """Return the candidate's and stable's requests, and how many are beyond their limits; nothing without a limit."""
    limit = bound_between(earlier, rule)
    if limit is None:
        return NOTHING, NOTHING
    return _slow(mine, limit), _slow(theirs, limit / (1 + (rule.max_increase_percent or 0) / 100))


def bound_between(earlier: Histogram, rule: Latency) -> float | None:
    """Return the milliseconds beyond which the candidate's requests are called slow.

    It is a bucket's bound, so that the candidate's are counted exactly: the one closest to what the rule allows over
    stable's quantile *before* the requests that are weighed. A bound drawn from those themselves would bias the bet.
    """
    if earlier.total <= 0:
        return None
    return earlier.closest(earlier.quantile(rule.quantile_percent) * (1 + (rule.max_increase_percent or 0) / 100))


def _slow(times: Histogram, limit: float) -> Sample:
    return Sample(times.total, min(times.slower(limit), times.total))


def _bet(before: Wealth, batch: Batch, rule: ErrorRate | Latency, analysis: Analysis, *, frozen: bool) -> Wealth:
    # For latencies the allowance is in the two limits: beyond them the candidate may have no larger share than stable.
    allowed = float(rule.max_increase_percent or 0) / 100 if isinstance(rule, ErrorRate) else 0.0
    together = analysis.requests_per_user
    if not frozen:
        return bet(before, batch.mine, batch.theirs, allowed, together)
    thinned = Sample(batch.theirs.requests / together, batch.theirs.bad / together)
    highest = upper_limit(thinned, _probability(analysis) * FROZEN_SHARE)
    return bet_alone(before, batch.mine, min(1.0, highest + allowed), together)


def _probability(analysis: Analysis) -> float:
    """Return the false-alarm probability of one metric."""
    tried = sum(1 for metric in analysis.metrics if compares(metric) is not None and not metric.dry_run)
    return float(analysis.false_alarm_percent) / 100 / max(1, tried)


def _wealth(evidence: EvidenceStatus | None) -> Wealth:
    if evidence is None:
        return Wealth()
    candidate, stable = weighed(evidence)
    recent = Sample(evidence.recent, evidence.recent_bad)
    return Wealth(float(evidence.steady), float(evidence.sudden), candidate, stable, recent)


def _added(steps: list[StepEvidence], index: int, batch: Batch, *, frozen: bool) -> list[StepEvidence]:
    """Return the requests by step, with `batch`; stable's last window is not counted again with every look at it."""
    last = steps[-1] if steps and steps[-1].step == index else StepEvidence(step=index)
    theirs = NOTHING if frozen else batch.theirs
    grown = StepEvidence(
        step=index,
        candidate=last.candidate + round(batch.mine.requests),
        candidate_bad=last.candidate_bad + round(batch.mine.bad),
        stable=last.stable + round(theirs.requests),
        stable_bad=last.stable_bad + round(theirs.bad),
    )
    return [*(step for step in steps if step is not last), grown][-MOST_STEPS:]


def _hash(metric: AnalysisMetric) -> str:
    rule = compares(metric)
    if rule is None:
        return ""
    written = metric.feedback or rule  # which ratings are negative stands in the metric alone
    return digest_of(written.model_dump(mode="json", by_alias=True)).partition(":")[2][:10]


def odds(evidence: EvidenceStatus) -> str:
    """Return how unlikely it is that chance brought so much evidence, in words."""
    times = min(float(evidence.times), 1e6)
    return f"1 in {floor(times):,}" if log(max(times, 1.0)) > 0 else "not small"
