"""How is wealth, and what it was won from, written in status?"""

from __future__ import annotations

from math import exp, floor

from slipway.api.analysis import EvidenceStatus
from slipway.api.base import significant
from slipway.rollout.analysis.sequential import Sample, Wealth

SURE = 34.0
"""Logarithm beyond which evidence is no longer told apart in words."""


def times(wealth: Wealth) -> str:
    """Return how many times its first 1 the wealth is."""
    return significant(exp(min(wealth.log, SURE)))


def rounded_down(logarithm: float) -> str:
    """Return an account's logarithm, rounded down: what is lost in writing is lost to the evidence."""
    return f"{floor(logarithm * 10_000) / 10_000:.4f}"


def weighed(evidence: EvidenceStatus) -> tuple[Sample, Sample]:
    """Return all requests of candidate and stable that were weighed."""
    steps = evidence.steps
    return (
        Sample(sum(step.candidate for step in steps), sum(step.candidate_bad for step in steps)),
        Sample(sum(step.stable for step in steps), sum(step.stable_bad for step in steps)),
    )
