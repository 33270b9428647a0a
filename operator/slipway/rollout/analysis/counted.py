"""How many requests, failures and slow answers do the series of an answer tell of?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, isinf, isnan, log

from slipway.api.analysis import ErrorRate
from slipway.rollout.analysis.queries import CODE, PART, RESET

Series = Sequence[tuple[Mapping[str, str], float]]


def part(series: Iterable[tuple[Mapping[str, str], float]], name: str = "") -> Series:
    """Return the series of one part of a query; without a name, those of the windows."""
    return [(labels, value) for labels, value in series if labels.get(PART, "") == name]


@dataclass(frozen=True)
class Counts:
    """Requests of one version, and how many of them failed."""

    requests: int = 0
    failures: int = 0

    @property
    def percent(self) -> float:
        """Failures per hundred requests."""
        return 100.0 * self.failures / self.requests if self.requests else 0.0


def counts(series: Series, revision: str, rule: ErrorRate) -> Counts:
    """Return whole requests: increase() extrapolates to a window's edges and gives fractions."""
    by_class: dict[str, float] = {}
    for labels, value in series:
        if labels.get("revision") == revision and isfinite(value):
            by_class[labels.get(CODE, "")] = by_class.get(labels.get(CODE, ""), 0.0) + value
    # A broken answer stands among the good codes too, hence it adds no request. 1xx are no final answers.
    requests = round(sum(value for name, value in by_class.items() if name in ("2", "3", "4", "5")))
    failed = {"ServerError": ("5", RESET), "ClientError": ("4",)}
    failures = round(sum(by_class.get(name, 0.0) for word in rule.failures for name in failed[word]))
    return Counts(requests, min(failures, requests))


@dataclass(frozen=True)
class Histogram:
    """Requests by how long they took: cumulated by the upper bounds of the buckets, in milliseconds."""

    cumulated: Mapping[float, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The number of requests."""
        return self.cumulated.get(inf, 0.0)

    @property
    def bounds(self) -> list[float]:
        """The finite bounds, rising."""
        return sorted(bound for bound in self.cumulated if not isinf(bound))

    def quantile(self, percent: int) -> float:
        """Return the quantile, interpolated within its bucket.

        Beyond the last finite bucket the answer is that bucket's bound, as in Prometheus' histogram_quantile.
        """
        rank, below, lower = self.total * percent / 100, 0.0, 0.0
        for bound in self.bounds:
            count = self.cumulated[bound]
            if count >= rank and count > below:
                return lower + (bound - lower) * (rank - below) / (count - below)
            below, lower = max(below, count), bound
        return lower

    def slower(self, milliseconds: float) -> float:
        """Return how many requests took longer, interpolated within the bucket.

        In the upper tail there are fewer requests the longer they take, so a straight line says too many, never too
        few: as stable's share it is on the candidate's side.
        """
        below, lower = 0.0, 0.0
        for bound in self.bounds:
            count = max(below, self.cumulated[bound])
            if bound >= milliseconds:
                share = (bound - milliseconds) / (bound - lower)
                return max(0.0, self.total - count + share * (count - below))
            below, lower = count, bound
        return max(0.0, self.total - below)

    def closest(self, milliseconds: float) -> float | None:
        """Return the finite bound closest to `milliseconds`, by ratio."""
        bounds = [bound for bound in self.bounds if bound > 0]
        if not bounds or milliseconds <= 0:
            return None
        return min(bounds, key=lambda bound: abs(log(bound / milliseconds)))


def histogram(series: Series, revision: str) -> Histogram:
    """Return the answer times of `revision`."""
    cumulated: dict[float, float] = {}
    for labels, value in series:
        bound = float(labels.get("le", "nan"))
        if labels.get("revision") == revision and not isnan(value) and not isnan(bound):
            cumulated[bound] = cumulated.get(bound, 0.0) + value
    return Histogram(cumulated)
