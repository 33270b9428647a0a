"""Rollouts as the cluster has them, written down: the pictures of them must not move when the operator's words do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 20, 3, 10, 0, tzinfo=UTC)
DIGEST = "sha256:" + "0123456789abcdef" * 4
STEPS = [{"percent": 10, "holdSeconds": 30}, {"pause": {}}, {"percent": 50, "holdSeconds": 120}]


def stamp(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def revision(version: str, name: str = "") -> dict[str, Any]:
    return {"revision": name or f"{version}-rev", "version": version, "digest": DIGEST}


def candidate(version: str = "v2") -> dict[str, Any]:
    return revision(version) | {"since": stamp(90)}


def measured(metric: str, outcome: str, **fields: Any) -> dict[str, Any]:
    return {"metric": metric, "outcome": outcome, "at": stamp(4), "message": f"{metric} in words"} | fields


def ready(status: str, reason: str, seconds_ago: float = 90) -> dict[str, Any]:
    held = {"observedGeneration": 3, "lastTransitionTime": stamp(seconds_ago)}
    return {"type": "Ready", "status": status, "reason": reason, "message": "", **held}


def rollout(state: str, reason: str = "", version: str = "v2", **status: Any) -> dict[str, Any]:
    """Return a Rollout in `state`; `status` adds to it."""
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "assistant", "namespace": "games", "uid": "uid-1", "generation": 3},
        "spec": {
            "model": "assistant",
            "version": {"name": version},
            "serving": {"runtime": {"llamaCpp": {}}},
            "traffic": {"gateway": {"name": "slipway"}, "hostnames": ["assistant.example"]},
            "strategy": {"canary": {"steps": STEPS}},
            "analysis": {
                "metrics": [
                    {"name": "errors", "errorRate": {"maxPercent": "2"}},
                    {"name": "slow", "latency": {"maxMilliseconds": 800}},
                    {"name": "thumbs", "prometheus": {"query": "x", "min": "0.5"}},
                ]
            },
            "bakeSeconds": 600,
        },
        "status": {
            "state": state,
            "observedGeneration": 3,
            "stable": revision("v1"),
            "steps": len(STEPS),
            "message": f"{state} in one sentence.",
            "conditions": [ready("True" if state == "Healthy" else "False", reason or state)],
        }
        | status,
    }


HEALTHY = rollout("Healthy", "Serving", version="v1", replicas=2)
STEPPING = rollout(
    "Progressing",
    candidate=candidate(),
    percent=10,
    stepStartedAt=stamp(12),
    analysis=[
        measured("errors", "Pass", candidate="0.4", stable="0.35", bound="2", samples=500),
        measured("slow", "TooFewSamples", candidate="812.4", bound="800", samples=20),
    ],
)
WARNED = STEPPING | {
    "status": STEPPING["status"]
    | {
        "conditions": [
            ready("False", "Progressing"),
            ready("True", "Progressing") | {"type": "Reconciling"},
            ready("True", "SamplesUnreachable") | {"type": "SamplesUnreachable", "message": "too few, take 50 percent"},
            ready("False", "ChildForbidden") | {"type": "ChildrenApplied", "message": "Deployment a is not allowed"},
        ]
    }
}
AT_PAUSE = STEPPING | {
    "status": STEPPING["status"] | {"state": "Paused", "step": 1, "conditions": [ready("False", "Paused")]}
}
HELD = rollout(
    "Paused",
    candidate=candidate(),
    percent=10,
    stepStartedAt=stamp(12),
    paused={"by": "Command", "since": stamp(20), "percent": 10, "message": "somebody asked"},
)
BAKING = rollout("Baking", candidate=candidate(), percent=100, step=3, stepStartedAt=stamp(70), bakeStartedAt=stamp(60))
PREVIEW = rollout("Paused", candidate=candidate(), percent=0, step=1, steps=2, stepStartedAt=stamp(12), previous=None)
PREVIEW["spec"] = PREVIEW["spec"] | {
    "strategy": {"blueGreen": {"previewHostnames": ["next.example"], "autoPromote": False, "metrics": ["errors"]}}
}
WARM = rollout("Healthy", "Serving", version="v2", stable=revision("v2"), previous=revision("v1") | {"since": stamp(9)})
HISTORY = [
    revision("v2") | {"replacedAt": stamp(30), "outcome": "RolledBack"},
    revision("v1") | {"promotedAt": stamp(7200), "outcome": "Stable"},
    revision("v0") | {"promotedAt": stamp(90_000), "replacedAt": stamp(7200), "outcome": "Replaced"},
]
FIRST = rollout("Initializing", stable=None, candidate=candidate("v2"))
FAILED = revision("v2") | {"reason": "MetricFailed", "message": "at 10 %: errors failed: 12 of 100", "at": stamp(30)}
JUDGED = [measured("errors", "Fail", candidate="12", stable="0.35", bound="2", samples=100, failures=2)]
RETURNING = rollout("RollingBack", retiring=[revision("v2")], lastRollback=FAILED, failed=[FAILED], analysis=JUDGED)
ROLLED_BACK = rollout("Degraded", "RolledBack", lastRollback=FAILED, failed=[FAILED], analysis=JUDGED)
GATEWAY = rollout("Degraded", "RouteNotAccepted", version="v1")
STALLED = rollout("Stalled", "VersionNotFound", version="v9")
PENDING = rollout("Pending", "VersionNotReady", version="v3")

ALL = {
    "Healthy": HEALTHY,
    "Progressing": STEPPING,
    "Paused": AT_PAUSE,
    "Baking": BAKING,
    "Initializing": FIRST,
    "RollingBack": RETURNING,
    "Degraded": ROLLED_BACK,
    "Stalled": STALLED,
    "Pending": PENDING,
}


def event(reason: str, message: str, seconds_ago: float, kind: str = "Normal", **fields: Any) -> dict[str, Any]:
    """Return an Event as core/v1 shows what was written through events.k8s.io/v1."""
    meta = {
        "name": f"{reason}.{seconds_ago}",
        "uid": f"{reason}-{seconds_ago}",
        "creationTimestamp": stamp(seconds_ago),
    }
    told = {"eventTime": stamp(seconds_ago).replace("Z", ".250000Z"), "lastTimestamp": None, "firstTimestamp": None}
    return {"metadata": meta, "type": kind, "reason": reason, "message": message, **told, **fields}


EVENTS = [
    event(
        "RolledBack", "v2 rolled back\x1b[31m at 10 %", 30, "Warning", series={"count": 3, "lastObservedTime": stamp(5)}
    ),
    event("CandidateStarted", "v2 starts beside v1", 90),
]
