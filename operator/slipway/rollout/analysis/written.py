"""How is wealth written in status?"""

from __future__ import annotations

from math import exp, floor

from slipway.api.base import significant
from slipway.rollout.analysis.sequential import Wealth

SURE = 34.0
"""Logarithm beyond which evidence is no longer told apart in words."""


def times(wealth: Wealth) -> str:
    """Return how many times its first 1 the wealth is."""
    return significant(exp(min(wealth.log, SURE)))


def rounded_down(logarithm: float) -> str:
    """Return an account's logarithm, rounded down: what is lost in writing is lost to the evidence."""
    return f"{floor(logarithm * 10_000) / 10_000:.4f}"
