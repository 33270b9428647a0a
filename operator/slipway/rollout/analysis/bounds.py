"""What follows from one number of a source of the user's own?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slipway.api.measures import JobMetric
from slipway.plan import Answer
from slipway.rollout.analysis.judgement import Judgement


class Bounds(Protocol):
    """A metric with min, max or both, as decimal strings."""

    @property
    def min(self) -> str | None:
        """The smallest value that passes."""

    @property
    def max(self) -> str | None:
        """The largest value that passes."""


def bounded(rule: Bounds, values: Sequence[float], words: str = "") -> Judgement:
    """Return how the one value compares with min and max; no value is NoData. `words` are the source's own."""
    said = f" ({words})" if words else ""
    if not values:
        return Judgement("NoData", f"the answer has no value{said}")
    value = values[0]
    low = float(rule.min) if rule.min is not None else None
    high = float(rule.max) if rule.max is not None else None
    if low is not None and value < low:
        return Judgement("Fail", f"{value:.6g} is below min {rule.min}{said}", candidate=value, bound=low)
    if high is not None and value > high:
        return Judgement("Fail", f"{value:.6g} is above max {rule.max}{said}", candidate=value, bound=high)
    bound = high if high is not None else low
    return Judgement("Pass", f"{value:.6g} is within bounds{said}", candidate=value, bound=bound)


def reported(rule: JobMetric, answer: Answer) -> Judgement:
    """Return what a pod's report means: a value is held against bounds, a verdict stands where there are none."""
    judged = rule.min is not None or rule.max is not None
    if answer.passed is None:
        if answer.series and not judged:
            return Judgement("Error", "the pod reported a value, but there is no bound: set min or max of job")
        return bounded(rule, [value for _, value in answer.series], answer.message)
    if judged:
        return Judgement(
            "Error", "the pod reported passed, but job has min or max: let it report value, or remove the bounds"
        )
    outcome = "passed" if answer.passed else "did not pass"
    words = f"the pod says that it {outcome}" + (f": {answer.message}" if answer.message else "")
    return Judgement("Pass" if answer.passed else "Fail", words)
