"""What must stay good while a candidate has traffic, and what was measured?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Count, Decimal, Message, Model, Name, Rule, Seconds, StatusModel, Timestamp, bounded
from slipway.api.measures import JobMetric, PercentText, PrometheusServer, WebMetric

Outcome = Literal["Pass", "Fail", "NoData", "TooFewSamples", "Error", "Cancelled"]


class ErrorRate(Model):
    """Failed requests per hundred. They are counted by the sidecar of every serving pod, whatever the engine."""

    max_percent: PercentText | None = Field(
        default=None, description='maxPercent of failed requests that passes, as a string, for example "1" or "0.5".'
    )
    max_increase_percent: PercentText | None = Field(
        default=None,
        description="maxIncreasePercent is by how many percentage points the rate may exceed that of stable, as a "
        "string.",
    )
    failures: list[Literal["ServerError", "ClientError"]] = Field(
        default=["ServerError"],
        min_length=1,
        max_length=2,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="failures says which answers count: ServerError (5xx, resets and time-outs), ClientError (4xx).",
    )
    min_samples: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        default=50, description="minSamples is the number of requests to the candidate before any verdict."
    )

    rules = (
        Rule("has(self.maxPercent) || has(self.maxIncreasePercent)", "set maxPercent, maxIncreasePercent or both"),
    )


class Latency(Model):
    """A quantile of the time to answer. The sidecar of every serving pod measures to the end of the answer."""

    quantile_percent: Annotated[int, Field(ge=1, le=99)] = Field(
        default=95,
        description="quantilePercent says which quantile is judged: 95 is the time in which 95 of 100 requests are "
        "answered.",
    )
    max_milliseconds: Annotated[int, Field(ge=1, le=86_400_000)] | None = Field(
        default=None, description="maxMilliseconds is the largest quantile that passes."
    )
    max_increase_percent: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="maxIncreasePercent is by how many percent the quantile may exceed that of stable."
    )
    min_samples: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        default=50, description="minSamples is the number of requests to the candidate before any verdict."
    )

    rules = (
        Rule(
            "has(self.maxMilliseconds) || has(self.maxIncreasePercent)",
            "set maxMilliseconds, maxIncreasePercent or both",
        ),
    )


class PrometheusMetric(Model):
    """A PromQL instant query. NaN, infinity and an empty result are NoData; several series are an Error."""

    query: Annotated[str, bounded(4096)] = Field(
        description="query in PromQL. {{model}}, {{rollout}}, {{namespace}}, {{candidate}} and {{stable}} (revisions) "
        "and {{window}} (for example 30s) are replaced."
    )
    min: Decimal | None = Field(default=None, description="min is the smallest value that passes, as a string.")
    max: Decimal | None = Field(default=None, description="max is the largest value that passes, as a string.")

    rules = (
        Rule("has(self.min) || has(self.max)", "set min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "nothing can pass: min is above max",
        ),
    )


class AnalysisMetric(Model):
    """One figure that must stay good while the candidate has traffic."""

    rules = (
        Rule(
            "[has(self.errorRate), has(self.latency), has(self.prometheus), has(self.web), "
            "has(self.job)].filter(x, x).size() == 1",
            "set exactly one of errorRate, latency, prometheus, web, job",
        ),
    )

    name: Name = Field(description="name of the metric, unique in the list.")
    error_rate: ErrorRate | None = Field(default=None, description="errorRate judges the share of failed requests.")
    latency: Latency | None = Field(default=None, description="latency judges a quantile of the time to answer.")
    prometheus: PrometheusMetric | None = Field(
        default=None, description="prometheus judges the result of a query of your own."
    )
    web: WebMetric | None = Field(default=None, description="web judges a number that a web server answers with.")
    job: JobMetric | None = Field(default=None, description="job judges what a pod of your own measures.")
    failure_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0, description="failureLimit is the number of failed measurements in a row that are forgiven."
    )


class NoDataPolicy(Model):
    """What follows when a metric gives no answer for too long."""

    after_seconds: Seconds = Field(
        default=120, description="afterSeconds is how long a metric may stay without an answer before action follows."
    )
    action: Literal["Hold", "Pause", "Rollback"] = Field(
        default="Hold",
        description="action is Hold (stay at the present share and say so), Pause (the same, until somebody "
        "resumes it) or Rollback.",
    )


class Analysis(Model):
    """How a candidate is judged, from its first request to the end of the bake."""

    rules = (
        Rule(
            "self.windowSeconds >= self.intervalSeconds",
            "windowSeconds must be at least intervalSeconds, or requests between two measurements are never judged",
        ),
        Rule(
            "self.metrics.all(m, !has(m.job) || m.job.timeoutSeconds <= self.noData.afterSeconds)",
            "noData.afterSeconds must be at least the timeoutSeconds of every job, or its silence is acted upon before "
            "it can speak",
        ),
    )

    interval_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=10, description="intervalSeconds is the time between measurements."
    )
    window_seconds: Annotated[int, Field(ge=5, le=86_400)] = Field(
        default=60,
        description="windowSeconds is how far each measurement looks back, never beyond the start of the candidate's "
        "traffic.",
    )
    metrics: list[AnalysisMetric] = Field(
        min_length=1,
        max_length=16,
        description="metrics that must all pass for the candidate to move on; one that fails sends it back.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    prometheus: PrometheusServer | None = Field(
        default=None, description="prometheus to ask for this Rollout; absent means the installation's."
    )
    no_data: NoDataPolicy = Field(
        default=NoDataPolicy(), description="noData says what follows silence. Silence never promotes."
    )


class MetricStatus(StatusModel):
    """The newest judgement of one metric."""

    metric: Name = Field(description="metric is the name in spec.analysis.metrics.")
    outcome: Outcome = Field(
        description="outcome is Pass, Fail, NoData, TooFewSamples, Error or Cancelled. Only Pass moves a candidate on."
    )
    candidate: Decimal | None = Field(default=None, description="candidate is the value of the candidate.")
    stable: Decimal | None = Field(
        default=None, description="stable is the value of the stable revision over the same time."
    )
    bound: Decimal | None = Field(default=None, description="bound that the candidate was held against.")
    samples: Count = Field(default=0, description="samples is the number of requests to the candidate in the window.")
    failures: Count = Field(default=0, description="failures is the number of failed measurements in a row.")
    at: Timestamp = Field(description="at is when the measurement was made.")
    answered_at: Timestamp | None = Field(
        default=None, description="answeredAt is when it last was Pass, Fail or TooFewSamples."
    )
    message: Message = Field(default="", description="message states the comparison in words, with its numbers.")
