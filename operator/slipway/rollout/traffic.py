"""Which share of requests goes where, and has the gateway taken it over?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.rollout import RolloutStatus
from slipway.names import child_name
from slipway.plan import Manifest
from slipway.rollout.rollout import Rollout
from slipway.workload import Root

GATEWAY_API = "gateway.networking.k8s.io"
PORT = 80
"""Of every revision's Service."""


@dataclass(frozen=True)
class RouteSeen:
    """The HTTPRoute as the apiserver shows it."""

    weights: Mapping[str, int]
    """By name of the Service."""
    accepted: bool
    """The gateway says, of this very generation, that it took the route and resolved all backends."""
    problem: str = ""
    """What the gateway has against this generation; empty while it has not answered or is content."""
    known: bool = True
    """The gateway has said something of some generation: the route is its own."""


def shares(status: RolloutStatus) -> dict[str, int]:
    """Return the intended percent of every revision that may stand in the route, 0 written out.

    Sums to 100 as soon as something serves: the candidate has what it earned, stable has all the rest.
    """
    if status.stable is None:
        return {}
    candidate = {status.candidate.revision: status.percent} if status.candidate is not None else {}
    return (
        {ref.revision: 0 for ref in status.retiring}
        | candidate
        | {status.stable.revision: 100 - sum(candidate.values())}
    )


def routed(status: RolloutStatus, services: frozenset[str]) -> dict[str, int]:
    """Return the shares that the route names: 0 only for Services that exist, for the others would not resolve."""
    return {revision: share for revision, share in shares(status).items() if share > 0 or revision in services}


def carried(rollout: Rollout, status: RolloutStatus, services: frozenset[str], seen: RouteSeen | None) -> bool:
    """Tell whether the gateway has confirmed exactly the shares that `status` intends."""
    wanted = {service_name(rollout.root, revision): share for revision, share in routed(status, services).items()}
    if not wanted:
        return True
    return seen is not None and seen.accepted and dict(seen.weights) == wanted


def service_name(root: Root, revision: str) -> str:
    """Return the name of a revision's Service, Deployment and ControllerRevision."""
    return child_name(root.name, revision)


def http_route(rollout: Rollout, weights: Mapping[str, int]) -> Manifest:
    """Return the whole HTTPRoute with `weights` by revision, every default written out."""
    root, traffic = rollout.root, rollout.spec.traffic
    backends = [
        {"group": "", "kind": "Service", "name": service_name(root, revision), "port": PORT, "weight": weight}
        for revision, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": root.name, "namespace": root.namespace, "labels": root.labels()},
        "spec": {
            "parentRefs": [_parent(rollout)],
            "hostnames": list(traffic.hostnames),
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends}],
        },
    }


def read_route(manifest: Manifest | None, rollout: Rollout) -> RouteSeen | None:
    """Return what the route shows, or None when there is no route."""
    if manifest is None:
        return None
    rules = (manifest.get("spec") or {}).get("rules") or ()
    backends = [ref for rule in rules for ref in rule.get("backendRefs") or ()]
    # A foreign rule or backend makes the weights differ from any we intend.
    weights = {str(ref.get("name")): int(ref.get("weight", 1)) for ref in backends} if len(rules) == 1 else {}
    generation = int(manifest["metadata"].get("generation") or 0)
    parents = _parents(manifest, rollout)
    answers = [_answer(parent, generation) for parent in parents]
    complete = [answer for answer in answers if len(answer) == 2]
    problem = next((words for answer in complete for words in answer.values() if words), "")
    return RouteSeen(weights, accepted=bool(complete) and not problem, problem=problem, known=bool(parents))


def _parent(rollout: Rollout) -> dict[str, Any]:
    gateway = rollout.spec.traffic.gateway
    namespace = gateway.namespace or rollout.root.namespace
    return {"group": GATEWAY_API, "kind": "Gateway", "name": gateway.name, "namespace": namespace}


def _parents(manifest: Manifest, rollout: Rollout) -> list[Mapping[str, Any]]:
    """Return the status entries of the Gateway that the spec names."""
    wanted = _parent(rollout)

    def same(ref: Mapping[str, Any]) -> bool:
        namespace = ref.get("namespace") or rollout.root.namespace
        return (ref.get("name"), namespace) == (wanted["name"], wanted["namespace"])

    return [p for p in (manifest.get("status") or {}).get("parents") or () if same(p.get("parentRef") or {})]


def _answer(parent: Mapping[str, Any], generation: int) -> dict[str, str]:
    """Return, for Accepted and ResolvedRefs as far as they speak of `generation`, what is wrong (empty: nothing)."""
    found: dict[str, str] = {}
    for condition in parent.get("conditions") or ():
        if condition.get("type") not in ("Accepted", "ResolvedRefs"):
            continue
        if int(condition.get("observedGeneration") or 0) != generation:
            continue
        good = condition.get("status") == "True"
        words = (
            f"{condition['type']} is {condition.get('status')}: {condition.get('reason')}: {condition.get('message')}"
        )
        found[condition["type"]] = "" if good else words
    return found
