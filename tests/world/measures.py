"""What may a spec measure beside errors and latency, and how may it act?

Every source knows whether a version is good: what Prometheus scraped, what users voted, and what the user's own server
and pods say (sources.py) all follow from how the version behaves.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Act = Literal["Critical", "Advisory", "DryRun"]
SELECTED = 'rollout="{{rollout}}",revision="{{candidate}}"'
ANSWERS = f"rate(envoy_http_downstream_rq_xx{{{SELECTED}}}[{{{{window}}}}])"
FAILURES = f'rate(envoy_http_downstream_rq_xx{{{SELECTED},envoy_response_code_class="5"}}[{{{{window}}}}])'
BY_POD = f"sum by (pod) ({FAILURES}) / sum by (pod) ({ANSWERS})"
NO_QUERY = "sum(("
"""What Prometheus refuses."""
JUDGE = {"image": "registry.example/judge:1", "timeoutSeconds": 15}
KINDS: dict[str, dict[str, Any]] = {
    "prometheus": {"prometheus": {"query": f"sum({FAILURES}) / sum({ANSWERS})", "max": "0.02"}},
    "prometheus, worst pod": {"prometheus": {"query": BY_POD, "max": "0.02", "series": "All"}},
    "prometheus, best pod": {"prometheus": {"query": BY_POD, "max": "0.02", "series": "Any"}},
    "feedback": {"feedback": {"maxNegativePercent": "4", "minSamples": 10}},
    "feedback, compared": {"feedback": {"maxIncreasePercent": "4", "minSamples": 10}},
    "web": {"web": {"url": "https://quality.example/{{candidate}}", "valuePath": "/score", "min": "0.97"}},
    "job, value": {"job": JUDGE | {"min": "0.97"}},
    "job, verdict": {"job": JUDGE},
}
HOPELESS: dict[str, dict[str, Any]] = {
    "never good enough": {"prometheus": {"query": f"sum({ANSWERS})", "max": "-1"}},
    "never a single number": {"prometheus": {"query": BY_POD.replace("pod", "pod, rollout"), "max": "-1"}},
    "never understood": {"prometheus": {"query": NO_QUERY, "max": "1"}},
    "never there": {"prometheus": {"query": "no_such_series", "max": "1"}},
}
"""What must not act at all, for no version would pass."""
OWN = "own-"
EDITED = f"{OWN}edited"
"""The metric whose query people edit."""
MOST = 3


@dataclass(frozen=True)
class Measure:
    """One metric of a spec."""

    kind: str
    act: Act = "Critical"
    forgiven: int = 0
    weight: int = 1
    errors: int | None = None
    """Errors in a row that are borne; None: all, until noData follows. A query of one's own is excused until it was
    put to the test, which no rule here knows of, so that for those it is None."""

    @property
    def written(self) -> dict[str, Any]:
        """The metric without a name, as it stands in spec.analysis.metrics."""
        body = (KINDS | HOPELESS)[self.kind] | ({} if self.errors is None else {"errorLimit": self.errors})
        match self.act:
            case "DryRun":
                return body | {"dryRun": True}
            case "Advisory":
                return body | {"critical": False, "weight": self.weight, "failureLimit": self.forgiven}
            case "Critical":
                return body | {"failureLimit": self.forgiven}


def written(measures: Iterable[Measure]) -> list[dict[str, Any]]:
    """Return `measures` as they stand in spec.analysis.metrics, each with a name of its own."""
    return [measure.written | {"name": f"{OWN}{number}"} for number, measure in enumerate(measures, 1)]


def edited(understood: bool) -> dict[str, Any]:
    """Return the metric whose query people edit, as it stands in spec.analysis.metrics."""
    return Measure("prometheus" if understood else "never understood").written | {"name": EDITED}


def refused(metric: Mapping[str, Any]) -> bool:
    """Tell whether Prometheus refuses what a metric asks."""
    return bool(metric.get("prometheus", {}).get("query") == NO_QUERY)


def draw(dice: random.Random) -> tuple[Measure, ...]:
    """Return some measures."""
    return tuple(_one(dice) for _ in range(dice.randint(1, MOST)))


def _one(dice: random.Random) -> Measure:
    act: Act = dice.choice(("Critical", "Advisory", "Advisory", "DryRun"))
    kinds = [*KINDS, *HOPELESS] if act == "DryRun" else [*KINDS]
    kind, forgiven, weight = dice.choice(kinds), dice.choice((0, 0, 1)), dice.choice((1, 1, 3))
    errors = dice.choice((None, None, 0, 1))
    return Measure(kind, act, forgiven, weight, None if "prometheus" in (KINDS | HOPELESS)[kind] else errors)
