"""What must stay good while a candidate has traffic, and what was measured?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import (
    Count,
    Decimal,
    Message,
    Model,
    Name,
    Percent,
    Rule,
    Seconds,
    StatusModel,
    Timestamp,
    bounded,
)
from slipway.api.measures import FeedbackMetric, JobMetric, PercentText, PrometheusServer, WebMetric

Outcome = Literal["Pass", "Fail", "NoData", "TooFewSamples", "Error", "Cancelled"]


class ErrorRate(Model):
    """Failed requests per hundred. They are counted by the sidecar of every serving pod, whatever the engine."""

    max_percent: PercentText | None = Field(
        default=None, description='maxPercent of failed requests that passes, as a string, for example "1" or "0.5".'
    )
    max_increase_percent: PercentText | None = Field(
        default=None,
        description="maxIncreasePercent is by how many percentage points the rate may exceed that of stable, as a "
        "string. It fails when chance can no longer explain the difference: see falseAlarmPercent.",
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
        default=None,
        description="maxIncreasePercent is by how many percent slower than stable the candidate may answer, around the "
        "quantile. It fails when chance can no longer explain that more of its requests are slower than so, as far as "
        "the proxy's buckets (25 percent apart) tell: see falseAlarmPercent.",
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
    """A PromQL instant query. NaN, infinity and an empty result are NoData; series says what several series are."""

    query: Annotated[str, bounded(4096)] = Field(
        description="query in PromQL. {{model}}, {{rollout}}, {{namespace}}, {{candidate}} and {{stable}} (revisions) "
        "and {{window}} (for example 30s) are replaced."
    )
    min: Decimal | None = Field(default=None, description="min is the smallest value that passes, as a string.")
    max: Decimal | None = Field(default=None, description="max is the largest value that passes, as a string.")
    series: Literal["Single", "All", "Any"] = Field(
        default="Single",
        description="series says what a result of several series is: Single (an Error), All (every one must be within "
        "bounds, and one without a number is NoData) or Any (one within bounds is enough; those without a number are "
        "left out).",
    )

    rules = (
        Rule("has(self.min) || has(self.max)", "set min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "nothing can pass, for min is above max: lower min or raise max",
        ),
    )


class AnalysisMetric(Model):
    """One figure that must stay good while the candidate has traffic."""

    rules = (
        Rule(
            "[has(self.errorRate), has(self.latency), has(self.feedback), has(self.prometheus), has(self.web), "
            "has(self.job)].filter(x, x).size() == 1",
            "set exactly one of errorRate, latency, feedback, prometheus, web, job",
        ),
        Rule(
            "!self.critical || self.weight == 1",
            "weight counts among metrics that are not critical: set critical: false, or leave weight out",
        ),
        Rule(
            "!self.dryRun || (self.critical && self.failureLimit == 0 && !has(self.errorLimit))",
            "dryRun acts on nothing: leave out critical, weight, failureLimit and errorLimit, or dryRun",
        ),
    )

    name: Name = Field(description="name of the metric, unique in the list.")
    error_rate: ErrorRate | None = Field(default=None, description="errorRate judges the share of failed requests.")
    latency: Latency | None = Field(default=None, description="latency judges a quantile of the time to answer.")
    prometheus: PrometheusMetric | None = Field(
        default=None, description="prometheus judges the result of a query of your own."
    )
    feedback: FeedbackMetric | None = Field(
        default=None, description="feedback judges the share of negative votes of users."
    )
    web: WebMetric | None = Field(default=None, description="web judges a number that a web server answers with.")
    job: JobMetric | None = Field(default=None, description="job judges what a pod of your own measures.")
    failure_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0, description="failureLimit is the number of failed measurements in a row that are forgiven."
    )
    error_limit: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="errorLimit is the number of measurements in a row that may end in Error before noData.action "
        "follows, though noData.afterSeconds are not over; absent means that only noData.afterSeconds counts.",
    )
    critical: bool = Field(
        default=True,
        description="critical says that one failure of this metric sends the candidate back. Metrics that are not "
        "critical fail together: see weight and maxFailedWeightPercent.",
    )
    weight: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="weight of a metric that is not critical among those that are not."
    )
    dry_run: bool = Field(
        default=False,
        description="dryRun measures and shows this metric, and does nothing else: it neither sends a candidate back "
        "nor holds it.",
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
        Rule(
            "double(self.falseAlarmPercent) > 0.0 && double(self.falseAlarmPercent) <= 50.0",
            "falseAlarmPercent must be above 0, for no finite evidence excludes chance altogether, and at most 50",
        ),
        Rule(
            "self.metrics.exists(m, !m.dryRun)",
            "a metric with dryRun judges nothing, and what nothing judges is not promoted: add one without dryRun",
            field_path=".metrics",
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
    false_alarm_percent: PercentText = Field(
        default="1",
        description="falseAlarmPercent is the probability, as a string, with which a candidate that is as good as "
        "maxIncreasePercent allows may be sent back by mistake, over the whole rollout, however often it is measured. "
        "It is shared out equally among the metrics that compare with stable.",
    )
    requests_per_user: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1,
        description="requestsPerUser is how many requests may share one fate, for example those of one user who "
        "retries; so many count as one witness in comparisons with stable. Let intervalSeconds be as long as a visit.",
    )
    delay_seconds: Annotated[int, Field(ge=0, le=600)] = Field(
        default=1,
        description="delaySeconds is how late Prometheus knows a sample. Comparisons with stable weigh requests up to "
        "so long ago, and miss those that become known later: set it to the delay of a remote write, or to the "
        "difference of clocks.",
    )
    max_failed_weight_percent: Percent = Field(
        default=50,
        description="maxFailedWeightPercent is the largest share of the weight of all metrics that are not critical "
        "that may fail; a larger one sends the candidate back, and so do failures beside which nothing else is judged.",
    )
    no_data: NoDataPolicy = Field(
        default=NoDataPolicy(), description="noData says what follows silence. Silence never promotes."
    )


class StepEvidence(StatusModel):
    """The requests of one step that were weighed."""

    step: Count = Field(description="step is the index of the canary step, from 0; the bake follows the last one.")
    candidate: Count = Field(default=0, description="candidate is the number of its requests.")
    candidate_bad: Count = Field(default=0, description="candidateBad is how many of them failed, or were slow.")
    stable: Count = Field(default=0, description="stable is the number of its requests, at the same time.")
    stable_bad: Count = Field(default=0, description="stableBad is how many of them failed, or were slow.")


class GainStatus(StatusModel):
    """How strongly the goal of an A-B test says that the candidate is better than stable."""

    times: Decimal = Field(
        description="times is the evidence (an e-value): a candidate that is no better ever reaches so much with a "
        "probability of at most 1 in times."
    )
    needed: Decimal = Field(description="needed is the number of times from which on the candidate wins.")
    steady: Decimal = Field(description="steady is the natural logarithm of the evidence from all requests.")
    sudden: Decimal = Field(description="sudden is the natural logarithm of the evidence from the newest requests.")
    recent: Count = Field(default=0, description="recent is the number of stable's newest requests, faded.")
    recent_bad: Count = Field(default=0, description="recentBad is how many of them failed.")


class LackStatus(StatusModel):
    """How strongly the goal of an A-B test says that the candidate is not better by what is worth a change."""

    smallest_gain: Decimal = Field(
        description="smallestGain is the gain in percentage points that the evidence speaks against; for another one "
        "it begins anew."
    )
    times: Decimal = Field(
        description="times is the evidence (an e-value): a candidate that is better by smallestGain ever reaches so "
        "much with a probability of at most 1 in times."
    )
    needed: Decimal = Field(description="needed is the number of times from which on the test ends without a winner.")
    steady: Decimal = Field(description="steady is the natural logarithm of the evidence from all requests.")
    sudden: Decimal = Field(description="sudden is the natural logarithm of the evidence from the newest requests.")


class EvidenceStatus(StatusModel):
    """What comparing with stable has shown so far. Each request is weighed once."""

    rule: Annotated[str, bounded(16)] = Field(
        description="rule is the hash of what the metric compares; evidence for another one is dropped."
    )
    until: Timestamp = Field(description="until is the moment up to which requests have been weighed.")
    percent: Percent = Field(description="percent of requests sent to the candidate at that moment.")
    times: Decimal = Field(
        default="1",
        description="times is the evidence (an e-value): a candidate that is as good as allowed ever reaches so much "
        "with a probability of at most 1 in times.",
    )
    needed: Decimal = Field(description="needed is the number of times from which on the metric fails.")
    steady: Decimal = Field(
        default="0", description="steady is the natural logarithm of the evidence for a small, lasting difference."
    )
    sudden: Decimal = Field(
        default="0", description="sudden is the natural logarithm of the evidence for a sudden difference."
    )
    recent: Count = Field(default=0, description="recent is the number of the candidate's newest requests, faded.")
    recent_bad: Count = Field(default=0, description="recentBad is how many of them failed, or were slow.")
    gain: GainStatus | None = Field(
        default=None, description="gain is the evidence for the candidate, where the metric is the goal of an A-B test."
    )
    lack: LackStatus | None = Field(
        default=None,
        description="lack is the evidence that the candidate is not better by smallestGainPercent of that A-B test.",
    )
    steps: list[StepEvidence] = Field(
        default=[],
        max_length=40,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="steps are the requests weighed in each step.",
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
    stable_samples: Count = Field(
        default=0, description="stableSamples is the number of requests to stable over the same time."
    )
    evidence: EvidenceStatus | None = Field(
        default=None, description="evidence of the comparison with stable, where the metric has maxIncreasePercent."
    )
    failures: Count = Field(default=0, description="failures is the number of failed measurements in a row.")
    errors: Count = Field(default=0, description="errors is the number of measurements in a row that ended in Error.")
    errors_since: Timestamp | None = Field(
        default=None, description="errorsSince is when the first of those errors was; absent after any other outcome."
    )
    at: Timestamp = Field(description="at is when the measurement was made.")
    since: Timestamp | None = Field(default=None, description="since is when it was first measured for this candidate.")
    answered_at: Timestamp | None = Field(
        default=None, description="answeredAt is when it last was Pass, Fail or TooFewSamples."
    )
    message: Message = Field(default="", description="message states the comparison in words, with its numbers.")
