"""How do users' votes reach the pods of the version that they speak of?

By a route of its own, made where a metric asks for feedback: the header that came with the answer leads to that very
version, whatever the weights are by now. What names no version that still runs is not counted anywhere.
"""

from __future__ import annotations

from typing import Any, Final

from slipway.api.bluegreen import BlueGreen
from slipway.api.rollout import RolloutStatus
from slipway.names import child_name
from slipway.plan import Manifest
from slipway.rollout import traffic
from slipway.rollout.observe import Seen
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import GATEWAY_API, parents, service_name

PORT: Final = 81
"""Of every revision's Service."""
TARGET_PORT: Final = 8082
"""Of the sidecar (images/serve-proxy/envoy.yaml)."""
PATH: Final = "/feedback"
HEADER: Final = "x-slipway-revision"
"""Stands in every answer."""


def route(rollout: Rollout, status: RolloutStatus, seen: Seen) -> list[Manifest]:
    """Return the HTTPRoute of votes; none where no metric asks for them, or while nothing serves."""
    wanted = any(metric.feedback is not None for metric in rollout.spec.analysis.metrics)
    # Another Rollout may have the host name: then no requests come here, hence no votes.
    served = [] if seen.contested or not wanted else sorted(traffic.routed(status, seen.services))
    rules = [_rule(rollout, revision) for revision in served if revision in seen.services]
    if not rules:
        return []
    root, before = rollout.root, traffic.before(seen, rollout.root.name)
    return [
        {
            "apiVersion": f"{GATEWAY_API}/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": child_name(root.name, "feedback"),
                "namespace": root.namespace,
                "labels": root.labels(),
            },
            "spec": {"parentRefs": parents(rollout, before), "hostnames": _hostnames(rollout), "rules": rules},
        }
    ]


def _hostnames(rollout: Rollout) -> list[str]:
    strategy = rollout.spec.strategy.chosen
    preview = strategy.preview_hostnames if isinstance(strategy, BlueGreen) else []
    return list(dict.fromkeys([*rollout.spec.traffic.hostnames, *preview]))


def _rule(rollout: Rollout, revision: str) -> dict[str, Any]:
    match = {
        "path": {"type": "PathPrefix", "value": PATH},
        "headers": [{"type": "Exact", "name": HEADER, "value": revision}],
    }
    name = service_name(rollout.root, revision)
    backend = {"group": "", "kind": "Service", "name": name, "port": PORT, "weight": 1}
    return {"matches": [match], "backendRefs": [backend]}
