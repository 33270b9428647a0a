"""How strongly does what was seen say that the candidate is better than stable, or not worth a change?

The same bets as for harm (sequential.py), which hold however often one looks. For a gain the two versions' parts are
exchanged: innocent is now that stable is no worse than the candidate. Against a gain, innocent is that the candidate is
better by smallestGainPercent. The chance that such a pair ever brings the wealth to 100 / falseWinPercent is at most
falseWinPercent per hundred, over the whole test.
"""

from __future__ import annotations

from slipway.api.abtest import AbTest
from slipway.api.analysis import AnalysisMetric, EvidenceStatus, GainStatus, LackStatus, MetricStatus
from slipway.api.base import significant
from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.rollout.analysis.sequential import Sample, Wealth, bet
from slipway.rollout.analysis.written import rounded_down, times, weighed


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
    after = bet(_gained_so_far(last), theirs, mine, 0.0, spec.analysis.requests_per_user)
    return GainStatus(
        times=times(after),
        needed=_needed(test),
        steady=rounded_down(after.steady),
        sudden=rounded_down(after.sudden),
        recent=round(after.recent.requests),
        recent_bad=round(after.recent.bad),
    )


def lacking(
    metric: AnalysisMetric, spec: RolloutSpec, last: EvidenceStatus | None, mine: Sample, theirs: Sample
) -> LackStatus | None:
    """Return the evidence against a gain worth a change after one more batch; None where nobody asks for it."""
    test = test_of(spec)
    if test is None or test.goal != metric.name or test.smallest_gain_percent is None:
        return None
    gain = significant(float(test.smallest_gain_percent))
    after = bet(_lacking_so_far(last, gain), mine, theirs, -float(gain) / 100, spec.analysis.requests_per_user)
    return LackStatus(
        smallest_gain=gain,
        times=times(after),
        needed=_needed(test),
        steady=rounded_down(after.steady),
        sudden=rounded_down(after.sudden),
    )


def _needed(test: AbTest) -> str:
    return significant(100 / float(test.false_win_percent))


def winner(spec: RolloutSpec, status: RolloutStatus) -> MetricStatus | None:
    """Return the goal's newest judgement, if by now it says that the candidate is better."""
    entry = _goal(spec, status)
    gain = entry.evidence.gain if entry is not None and entry.evidence is not None else None
    return entry if gain is not None and float(gain.times) >= float(gain.needed) else None


def no_difference(spec: RolloutSpec, status: RolloutStatus) -> MetricStatus | None:
    """Return the goal's newest judgement, if by now it says that the candidate is not better by what is worth it."""
    test, entry = test_of(spec), _goal(spec, status)
    lack = entry.evidence.lack if entry is not None and entry.evidence is not None else None
    if test is None or test.smallest_gain_percent is None or lack is None:
        return None
    asked = float(lack.smallest_gain) == float(test.smallest_gain_percent)
    return entry if asked and float(lack.times) >= float(lack.needed) else None


def so_far(spec: RolloutSpec, status: RolloutStatus) -> str:
    """Return in words what the goal says by now."""
    entry = _goal(spec, status)
    return said(entry) if entry is not None else "the goal was not measured yet"


def said(entry: MetricStatus) -> str:
    """Return the goal's figures and the evidence on both questions in words."""
    figures = f"{entry.metric}: {entry.message}"
    gain = entry.evidence.gain if entry.evidence is not None else None
    if entry.evidence is None or gain is None:
        return figures
    told, lack = f"that it is better: {float(gain.times):.3g} times", entry.evidence.lack
    if lack is not None:
        told += f", that it is not better by {points(str(lack.smallest_gain))}: {float(lack.times):.3g} times"
    return f"{figures}; evidence {told}, {float(gain.needed):.3g} decide"


def points(percent: str) -> str:
    """Return a difference of percentages as people say it."""
    return f"{percent} point{'' if float(percent) == 1 else 's'}"


def _goal(spec: RolloutSpec, status: RolloutStatus) -> MetricStatus | None:
    test = test_of(spec)
    return next((e for e in status.analysis if test is not None and e.metric == test.goal), None)


def _gained_so_far(evidence: EvidenceStatus | None) -> Wealth:
    """Return the wealth so far, with stable in the candidate's place."""
    if evidence is None or evidence.gain is None:
        return Wealth()
    gain, (candidate, stable) = evidence.gain, weighed(evidence)
    recent = Sample(gain.recent, gain.recent_bad)
    return Wealth(float(gain.steady), float(gain.sudden), candidate=stable, stable=candidate, recent=recent)


def _lacking_so_far(evidence: EvidenceStatus | None, gain: str) -> Wealth:
    """Return the wealth so far from bets against `gain`; what was won against another says nothing about it."""
    if evidence is None:
        return Wealth()
    lack, recent = evidence.lack, Sample(evidence.recent, evidence.recent_bad)
    won = lack is not None and float(lack.smallest_gain) == float(gain)
    steady, sudden = (float(lack.steady), float(lack.sudden)) if lack is not None and won else (0.0, 0.0)
    return Wealth(steady, sudden, *weighed(evidence), recent)
