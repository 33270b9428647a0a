"""How large is the learning rate at a step?"""

from __future__ import annotations

import math


def factor(step: int, steps: int, warmup_percent: int, schedule: str) -> float:
    """Return the share of the peak learning rate for `step` (0 is the first) of `steps`.

    It rises in a line over the first `warmup_percent` of the steps, then stays (Constant) or falls along half a cosine
    that would reach 0 right after the last step (Cosine).
    """
    warmup = math.ceil(steps * warmup_percent / 100)
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "Constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
