"""What is Prometheus asked for one metric of one candidate?

The series are the sidecar's (images/serve-proxy/envoy.yaml); scraping gives them the pods' labels namespace, rollout
and revision. One query brings the figures of both versions, so that they speak of the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slipway.api.analysis import AnalysisMetric
from slipway.rollout.rollout import Rollout

CODE = "envoy_response_code_class"
RESET = "reset"
"""The class under which answers that broke off in the middle are counted; Envoy saw their good status line before."""


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

    def selector(self, side: Side) -> str:
        """Return the label matchers of a side's serving pods."""
        root = self.rollout.root
        matchers = {
            "namespace": root.namespace,
            "rollout": root.name,
            "revision": side.revision,
            "envoy_http_conn_manager_prefix": "serving",
        }
        return "{" + ",".join(f'{name}="{value}"' for name, value in matchers.items()) + "}"


def query(metric: AnalysisMetric, scope: Scope) -> str:
    """Return the instant query for `metric`."""
    if metric.error_rate is not None:
        return " or ".join(_answers(scope, side) for side in _sides(scope, metric.error_rate.max_increase_percent))
    if metric.latency is not None:
        return " or ".join(_buckets(scope, side) for side in _sides(scope, metric.latency.max_increase_percent))
    assert metric.prometheus is not None
    return filled(metric.prometheus.query, scope)


def _sides(scope: Scope, relative: object) -> tuple[Side, ...]:
    return (scope.candidate,) if relative is None else (scope.candidate, scope.stable)


def _answers(scope: Scope, side: Side) -> str:
    """Ask for the answers by class of code; a counter's reset is no decrease to increase()."""
    where = scope.selector(side)
    codes = f"sum by (revision, {CODE}) (increase(envoy_http_downstream_rq_xx{where}{side.range()}))"
    resets = f"sum by (revision) (increase(envoy_http_downstream_rq_tx_reset{where}{side.range()}))"
    return f'{codes} or label_replace({resets}, "{CODE}", "{RESET}", "", "")'


def _buckets(scope: Scope, side: Side) -> str:
    where = scope.selector(side)
    return f"sum by (revision, le) (increase(envoy_http_downstream_rq_time_bucket{where}{side.range()}))"


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
