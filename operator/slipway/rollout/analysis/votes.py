"""What do users' votes say? They are counted and judged like requests, of which the negative ones failed."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.analysis import AnalysisMetric, ErrorRate
from slipway.api.measures import FeedbackMetric

RATINGS = range(1, 6)
SERIES = "envoy_vhost_route_upstream_rq_total"
ROUTE = "envoy_route"
HOST = {"envoy_virtual_host": "feedback"}


@dataclass(frozen=True)
class Words:
    """What is counted, as people call it."""

    many: str
    bad: str


REQUESTS = Words("requests", "failed")
VOTES = Words("votes", "are negative")


def rate(metric: AnalysisMetric) -> ErrorRate | None:
    """Return the rule for a share of bad ones among all, be it of requests or of votes; None for other metrics."""
    if metric.feedback is None:
        return metric.error_rate
    return ErrorRate(
        max_percent=metric.feedback.max_negative_percent,
        max_increase_percent=metric.feedback.max_increase_percent,
        min_samples=metric.feedback.min_samples,
    )


def words(metric: AnalysisMetric) -> Words:
    """Return what `metric` counts."""
    return REQUESTS if metric.feedback is None else VOTES


def routes(metric: FeedbackMetric) -> dict[str, str]:
    """Return, by the class of answer that votes are counted as, a pattern of the sidecar's routes that take them."""
    bad = ["down", *(f"rating_{rating}" for rating in RATINGS if rating <= metric.negative_ratings)]
    good = ["up", *(f"rating_{rating}" for rating in RATINGS if rating > metric.negative_ratings)]
    return {"2": "|".join(good), "5": "|".join(bad)}
