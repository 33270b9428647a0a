"""How does the API write a number?"""

from __future__ import annotations

from math import floor


def decimal(value: float) -> str:
    """Return a number of six digits as the API writes it."""
    return f"{value:.6g}".replace("e+", "e")


def rounded_down(logarithm: float) -> str:
    """Return a logarithm for status, rounded down: what is lost in writing is lost to the evidence."""
    return f"{floor(logarithm * 10_000) / 10_000:.4f}"
