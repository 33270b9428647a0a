"""What is Prometheus asked for one metric of one candidate?

The series are the sidecar's (images/serve-proxy/envoy.yaml); scraping gives them the pods' labels namespace, rollout
and revision. One query brings the figures of both versions, so that they speak of the same moment.

Windows are looked at with increase(), which extrapolates to their edges: good for a share or a quantile, wrong as a
number of requests. What evidence is weighed by comes from `_counted`: differences of counters, whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slipway.api.analysis import AnalysisMetric
from slipway.api.measures import FeedbackMetric
from slipway.rollout.analysis import votes
from slipway.rollout.rollout import Rollout

CODE = "envoy_response_code_class"
RESET = "reset"
"""The class under which answers that broke off in the middle are counted; Envoy saw their good status line before."""

PART = "part"
"""The label that tells counted requests from windows: FRESH ones are weighed now, BEFORE are stable's until then."""
FRESH, BEFORE = "fresh", "before"

SERVING = {"envoy_http_conn_manager_prefix": "serving"}
UPTIME = "envoy_server_uptime"
ROUNDING = 3
"""Seconds: uptimes are whole, and each of two may be off by one."""


@dataclass(frozen=True)
class Span:
    """The time after `begins` until `ends`."""

    begins: datetime
    ends: datetime

    def before(self, seconds: int) -> Span:
        """Return the `seconds` before it."""
        return Span(self.begins - timedelta(seconds=seconds), self.begins)


@dataclass(frozen=True)
class Fresh:
    """Requests that are weighed with this measurement, and with no other."""

    candidate: Span
    stable: Span
    frozen: bool = False
    """Stable has no traffic any more; its span is the last one in which it had."""


@dataclass(frozen=True)
class Side:
    """One version's share of a comparison."""

    revision: str
    window: int
    """Seconds looked back."""
    until: datetime | None = None
    """The moment looked back from; None is the present."""

    def range(self) -> str:
        """Return the range and its end in PromQL."""
        end = f" @ {self.until.timestamp():.3f}" if self.until is not None else ""
        return f"[{self.window}s]{end}"


@dataclass(frozen=True)
class Scope:
    """Which requests a measurement speaks of."""

    rollout: Rollout
    candidate: Side
    stable: Side
    fresh: Fresh | None = None
    """None where nothing is compared with stable, or nothing is to be weighed."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both: stable's figures are told beside the candidate's, whether these are held against them or not."""
        return self.candidate, self.stable

    def selector(self, side: Side, **more: str) -> str:
        """Return the label matchers of a side's serving pods."""
        root = self.rollout.root
        matchers = {"namespace": root.namespace, "rollout": root.name, "revision": side.revision} | more
        return "{" + ",".join(f'{name}="{value}"' for name, value in matchers.items()) + "}"


def query(metric: AnalysisMetric, scope: Scope) -> str:
    """Return the instant query for `metric`; its parts stand on lines of their own."""
    if metric.error_rate is not None:
        return JOIN.join([*(_answers(scope, side) for side in scope.sides), *_weighed(scope, (CODES, RESETS))])
    if metric.feedback is not None:
        return _voted(metric.feedback, [*(_given(scope, side) for side in scope.sides), *_weighed(scope, (VOTES,))])
    if metric.latency is not None:
        return JOIN.join([*(_buckets(scope, side) for side in scope.sides), *_weighed(scope, (TIMES,), before=True)])
    assert metric.prometheus is not None
    return filled(metric.prometheus.query, scope)


JOIN = "\nor\n"


@dataclass(frozen=True)
class Counter:
    """A counter of the sidecar, and the label of its own that it is kept by."""

    name: str
    label: str = ""
    among: Mapping[str, str] = field(default_factory=lambda: SERVING)
    """Labels by which its series are chosen."""


CODES = Counter("envoy_http_downstream_rq_xx", CODE)
RESETS = Counter("envoy_http_downstream_rq_tx_reset")
TIMES = Counter("envoy_http_downstream_rq_time_bucket", "le")
VOTES = Counter(votes.SERIES, votes.ROUTE, votes.HOST)


def _answers(scope: Scope, side: Side) -> str:
    """Ask for the answers by class of code; a counter's reset is no decrease to increase()."""
    where = scope.selector(side, **SERVING)
    codes = f"sum by (revision, {CODE}) (increase({CODES.name}{where}{side.range()}))"
    resets = f"sum by (revision) (increase({RESETS.name}{where}{side.range()}))"
    return f"{codes} or {_labelled(resets, CODE, RESET)}"


def _given(scope: Scope, side: Side) -> str:
    """Ask for the votes by the sidecar's routes."""
    where = scope.selector(side, **VOTES.among)
    return f"sum by (revision, {VOTES.label}) (increase({VOTES.name}{where}{side.range()}))"


def _voted(metric: FeedbackMetric, parts: list[str]) -> str:
    """Ask for votes as if good ones were answers of class 2, and negative ones of class 5."""
    asked = f"(\n{JOIN.join(parts)}\n)"
    for code, routes in votes.routes(metric).items():
        asked = f'label_replace({asked}, "{CODE}", "{code}", "{VOTES.label}", "{routes}")'
    return asked


def _buckets(scope: Scope, side: Side) -> str:
    return f"sum by (revision, le) (increase({TIMES.name}{scope.selector(side, **SERVING)}{side.range()}))"


def _weighed(scope: Scope, counters: tuple[Counter, ...], *, before: bool = False) -> list[str]:
    """Ask for the requests that are weighed now and, where a bound is drawn from them, stable's before those."""
    fresh = scope.fresh
    if fresh is None:
        return []
    asked = [(scope.candidate, fresh.candidate, FRESH), (scope.stable, fresh.stable, FRESH)]
    if before:
        asked.append((scope.stable, fresh.stable.before(scope.rollout.spec.analysis.window_seconds), BEFORE))
    return [_labelled(_counted(scope, side, c, span), PART, part) for side, span, part in asked for c in counters]


def _counted(scope: Scope, side: Side, counter: Counter, span: Span) -> str:
    """Ask for the whole number of requests in `span`, by what the counter is kept by.

    A pod's counter now, less what it was when the span began, if its proxy is still the same process: its uptime grew
    by the time between the two scrapes. A process that began within the span counts whole. Of any other (a proxy that
    restarted around the beginning, a Prometheus that lost its memory) it is not known what is new, so nothing counts:
    requests can be missed, all kinds alike, but none is counted twice and none invented.
    """
    begins, ends = (f" @ {moment.timestamp():.3f}" for moment in (span.begins, span.ends))
    count, up = f"{counter.name}{scope.selector(side, **counter.among)}", f"{UPTIME}{scope.selector(side)}"
    own = ", ".join([*counter.among, counter.label] if counter.label else counter.among)
    added = f"{count}{ends} - ({count}{begins} or {count}{ends} * 0)"
    same = f"{up}{ends} - {up}{begins} > timestamp({up}{ends}) - timestamp({up}{begins}) - {ROUNDING}"
    born = f"timestamp({up}{ends}) - {up}{ends} > {span.begins.timestamp():.3f}"
    by = "revision, " + counter.label if counter.label else "revision"
    counted = (
        f"sum by ({by}) (({added} and ignoring ({own}) ({same})) or ({count}{ends} and ignoring ({own}) ({born})))"
    )
    return counted if counter.label else _labelled(counted, CODE, RESET)


def _labelled(vector: str, label: str, value: str) -> str:
    return f'label_replace({vector}, "{label}", "{value}", "", "")'


def filled(text: str, scope: Scope) -> str:
    """Return `text` with what stands in {{…}} replaced. The values are names, which need no quoting anywhere."""
    rollout = scope.rollout
    words = {
        "model": rollout.spec.model,
        "rollout": rollout.root.name,
        "namespace": rollout.root.namespace,
        "candidate": scope.candidate.revision,
        "stable": scope.stable.revision,
        "window": f"{scope.candidate.window}s",
    }
    for name, value in words.items():
        text = text.replace("{{" + name + "}}", value)
    return text
