"""How does the API write a number?"""

from __future__ import annotations


def decimal(value: float) -> str:
    """Return a number of six digits as the API writes it."""
    return f"{value:.6g}".replace("e+", "e")
