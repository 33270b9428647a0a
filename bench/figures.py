"""What do many measurements say in few numbers?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf


@dataclass(frozen=True)
class Spread:
    """The middle and the bad end of a sample."""

    p50: float
    p99: float
    n: int

    def json(self) -> dict[str, float | int]:
        """Return the spread with a tenth of its unit."""
        return {"p50": round(self.p50, 1), "p99": round(self.p99, 1), "n": self.n}


@dataclass(frozen=True)
class Bucket:
    """The bounds between which a quantile lies; infinite above the largest bucket."""

    above: float
    upto: float


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the sample do not exceed (nearest rank).

    No interpolation: every figure published was measured, and p99 of fewer than 100 values is the largest one.
    """
    if not values:
        raise ValueError("there is no percentile of nothing: no repetition gave a figure")
    rank = max(1, ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


def spread(values: Iterable[float]) -> Spread:
    """Return p50, p99 and the size of a sample."""
    sample = list(values)
    return Spread(percentile(sample, 50), percentile(sample, 99), len(sample))


def bucket_quantile(buckets: Mapping[float, float], percent: float) -> Bucket:
    """Return the bucket in which a quantile lies; `buckets` maps upper bounds to cumulative counts.

    No interpolation: the peer's buckets are ten times apart, and a guess inside would flatter.
    """
    total = buckets.get(inf, 0.0)
    if total <= 0:
        raise ValueError("the histogram is empty: nothing was queued")
    upto = min(bound for bound, count in buckets.items() if count >= percent / 100 * total)
    return Bucket(max((bound for bound in buckets if bound < upto), default=0.0), upto)


def since(before: Mapping[float, float], after: Mapping[float, float]) -> dict[float, float]:
    """Return what a cumulative histogram counted between two readings."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def ratio(ours: float, theirs: float) -> str:
    """Return how many times better (less) ours is than theirs, in words for a table."""
    if ours == theirs:
        return "equal"
    if min(ours, theirs) <= 0:
        return "ahead" if ours < theirs else "behind"
    factor = max(ours, theirs) / min(ours, theirs)
    if factor < 1.05:
        return "equal"
    return f"{factor:.1f} times {'ahead' if ours < theirs else 'behind'}"
