"""How many whole CPUs does a quantity ask for?"""

from __future__ import annotations

from math import ceil


def whole_cpus(quantity: str) -> int:
    """Return the CPUs of a quantity such as 500m or 4, rounded up, at least one."""
    milli = quantity.endswith("m")
    return max(1, ceil(float(quantity.removesuffix("m")) / (1000 if milli else 1)))
