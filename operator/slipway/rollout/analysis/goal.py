"""How strongly does what was seen say that the candidate is better than stable, however often one looks?

The same bets as for harm (sequential.py) with the two versions' parts exchanged: innocent is now that stable is no
worse than the candidate. The chance that such a pair ever brings the wealth to 100 / falseWinPercent is at most
falseWinPercent per hundred, over the whole test.
"""

from __future__ import annotations

from slipway.api.abtest import AbTest
from slipway.api.analysis import AnalysisMetric, EvidenceStatus, GainStatus, MetricStatus
from slipway.api.base import significant
from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.rollout.analysis.sequential import Sample, Wealth, bet
from slipway.rollout.analysis.written import rounded_down, times


def test_of(spec: RolloutSpec) -> AbTest | None:
    """Return the A-B test, where the spec chose that strategy."""
    strategy = spec.strategy.chosen
    return strategy if isinstance(strategy, AbTest) else None


def gained(
    metric: AnalysisMetric, spec: RolloutSpec, last: EvidenceStatus | None, mine: Sample, theirs: Sample
) -> GainStatus | None:
    """Return the evidence for the candidate after one more batch; None where `metric` is no goal."""
    test = test_of(spec)
    if test is None or test.goal != metric.name:
        return None
    after = bet(_wealth(last), theirs, mine, 0.0, spec.analysis.requests_per_user)
    return GainStatus(
        times=times(after),
        needed=significant(100 / float(test.false_win_percent)),
        steady=rounded_down(after.steady),
        sudden=rounded_down(after.sudden),
        recent=round(after.recent.requests),
        recent_bad=round(after.recent.bad),
    )


def winner(spec: RolloutSpec, status: RolloutStatus) -> MetricStatus | None:
    """Return the goal's newest judgement, if by now it says that the candidate is better."""
    test = test_of(spec)
    entry = next((e for e in status.analysis if test is not None and e.metric == test.goal), None)
    gain = entry.evidence.gain if entry is not None and entry.evidence is not None else None
    return entry if gain is not None and float(gain.times) >= float(gain.needed) else None


def so_far(spec: RolloutSpec, status: RolloutStatus) -> str:
    """Return in words what the goal says by now."""
    test = test_of(spec)
    entry = next((e for e in status.analysis if test is not None and e.metric == test.goal), None)
    return said(entry) if entry is not None else "the goal was not measured yet"


def said(entry: MetricStatus) -> str:
    """Return the goal's figures and the evidence for the candidate in words."""
    gain = entry.evidence.gain if entry.evidence is not None else None
    figures = f"{entry.metric}: {entry.message}"
    if gain is None:
        return figures
    return f"{figures}; evidence that it is better: {float(gain.times):.3g} times, {float(gain.needed):.3g} decide"


def _wealth(evidence: EvidenceStatus | None) -> Wealth:
    """Return the wealth so far, with stable in the candidate's place."""
    if evidence is None or evidence.gain is None:
        return Wealth()
    gain, steps = evidence.gain, evidence.steps
    return Wealth(
        steady=float(gain.steady),
        sudden=float(gain.sudden),
        candidate=Sample(sum(step.stable for step in steps), sum(step.stable_bad for step in steps)),
        stable=Sample(sum(step.candidate for step in steps), sum(step.candidate_bad for step in steps)),
        recent=Sample(gain.recent, gain.recent_bad),
    )
