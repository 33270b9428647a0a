"""How is an HTTPRoute written, and what does the one in the cluster say?

Only what every conformant gateway knows is used (Gateway API, support level Core): path prefix, exact headers, weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from slipway.api.rollout import FailedRevision
from slipway.names import child_name
from slipway.plan import Manifest
from slipway.rollout.rollout import Rollout
from slipway.workload import Root

GATEWAY_API = "gateway.networking.k8s.io"
PORT = 80
"""Of every revision's Service."""
ROUTE_VERSION = "slipway.dev/route-version"
"""Annotation: a cached route that is older than our last change of shares must not confirm it."""
ROUTE_STABLE = "slipway.dev/stable"
"""Annotation: what serves, should the Rollout's status ever be lost."""
ROUTE_ROLLBACK = "slipway.dev/last-rollback"
"""Annotation: the newest verdict (status.lastRollback as JSON), should it never have reached the status."""
EVERY_PATH = {"type": "PathPrefix", "value": "/"}

Gateway = tuple[str, str]
"""Namespace and name."""
Header = tuple[str, str]
"""Name and exact value."""


@dataclass(frozen=True)
class RouteRule:
    """Requests that one rule takes, and the Services that share them."""

    weights: Mapping[str, int]
    """By name of the Service; they sum to 100, and 0 is written as 0."""
    headers: tuple[Header, ...] = ()
    """Any of them is enough; none at all means every request."""
    mirror: tuple[str, int] | None = None
    """The Service to which requests are copied, and the percent of them."""


@dataclass(frozen=True)
class Route:
    """One HTTPRoute as we intend it. Of rules that match equally well the first wins, hence the order."""

    name: str
    hostnames: tuple[str, ...]
    rules: tuple[RouteRule, ...]
    version: int = 0
    stable: str = ""
    last_rollback: FailedRevision | None = None
    before: tuple[Gateway, ...] = ()
    """Through which requests come until the Gateway that the spec names has taken the route."""


@dataclass(frozen=True)
class RouteSeen:
    """The HTTPRoute as the apiserver shows it."""

    rules: tuple[RouteRule, ...]
    """Empty where somebody wrote a rule that none of ours looks like."""
    accepted: bool
    """The gateway says, of this very generation, that it took the route and resolved all backends."""
    problem: str = ""
    """What the gateway has against this generation; empty while it has not answered or is content."""
    named: bool = True
    """It names the Gateway of the spec."""
    known: bool = True
    """The gateway has said something of some generation: the route is its own."""
    hostnames: tuple[str, ...] = ()
    version: int = 0
    """Which of our changes of shares it shows at least (status.routeVersion)."""
    stable: str = ""
    """The revision that was stable when it was written."""
    last_rollback: FailedRevision | None = None
    """The newest verdict when it was written."""
    before: tuple[Gateway, ...] = ()
    """The Gateways that it names beside that of the spec and that took it once; none when the spec's has it."""

    @property
    def weights(self) -> Mapping[str, int]:
        """Weights by Service for the requests that no header sends elsewhere."""
        return next((rule.weights for rule in self.rules if not rule.headers), {})

    def confirms(self, route: Route) -> bool:
        """Tell whether the gateway has taken over exactly `route`, and not an older one that looked the same."""
        same_write = self.version == route.version
        return self.accepted and same_write and (self.hostnames, self.rules) == (route.hostnames, route.rules)


def service_name(root: Root, revision: str) -> str:
    """Return the name of a revision's Service, Deployment and ControllerRevision."""
    return child_name(root.name, revision)


def http_route(rollout: Rollout, route: Route) -> Manifest:
    """Return the whole HTTPRoute, every default written out."""
    root = rollout.root
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": route.name,
            "namespace": root.namespace,
            "labels": root.labels(),
            "annotations": _annotations(route),
        },
        "spec": {
            "parentRefs": parents(rollout, route.before),
            "hostnames": list(route.hostnames),
            "rules": [
                {"matches": _matches(rule), "backendRefs": _backends(rule)} | _filters(rule) for rule in route.rules
            ],
        },
    }


def read_route(manifest: Manifest, rollout: Rollout) -> RouteSeen:
    """Return what the route shows."""
    spec = manifest.get("spec") or {}
    rules = [_rule(rule) for rule in spec.get("rules") or ()]
    # A foreign rule makes the route differ from any we intend.
    ours = tuple(rule for rule in rules if rule is not None)
    generation = int(manifest["metadata"].get("generation") or 0)
    annotations = manifest["metadata"].get("annotations") or {}
    entries = _statuses(manifest, _gateway(rollout), rollout)
    answers = [_answer(entry, generation) for entry in entries]
    complete = [answer for answer in answers if len(answer) == 2]
    problem = next((words for answer in complete for words in answer.values() if words), "")
    accepted = bool(complete) and not problem
    return RouteSeen(
        rules=ours if len(ours) == len(rules) else (),
        accepted=accepted,
        problem=problem,
        named=_gateway(rollout) in _parents(manifest, rollout),
        known=bool(entries),
        hostnames=tuple(spec.get("hostnames") or ()),
        version=int(told) if (told := str(annotations.get(ROUTE_VERSION) or "0")).isdigit() else 0,
        stable=str(annotations.get(ROUTE_STABLE) or ""),
        last_rollback=_last_rollback(str(annotations.get(ROUTE_ROLLBACK) or "")),
        before=() if accepted else _before(manifest, rollout),
    )


def parents(rollout: Rollout, before: Iterable[Gateway]) -> list[dict[str, Any]]:
    """Return references to the Gateway that the spec names and to those `before` it, every default written out."""
    return [
        {"group": GATEWAY_API, "kind": "Gateway", "name": name, "namespace": namespace}
        for namespace, name in (_gateway(rollout), *before)
    ]


def _gateway(rollout: Rollout) -> Gateway:
    gateway = rollout.spec.traffic.gateway
    return gateway.namespace or rollout.root.namespace, gateway.name


def _before(manifest: Manifest, rollout: Rollout) -> tuple[Gateway, ...]:
    """Return the Gateways, but for the spec's, that the route names and that accepted it, of whatever generation."""
    return tuple(
        gateway
        for gateway in dict.fromkeys(_parents(manifest, rollout))
        if gateway != _gateway(rollout)
        and any(
            condition.get("type") == "Accepted" and condition.get("status") == "True"
            for entry in _statuses(manifest, gateway, rollout)
            for condition in entry.get("conditions") or ()
        )
    )


def _parents(manifest: Manifest, rollout: Rollout) -> list[Gateway]:
    refs = (manifest.get("spec") or {}).get("parentRefs") or ()
    return [_named(ref, rollout) for ref in refs]


def _named(ref: Mapping[str, Any], rollout: Rollout) -> Gateway:
    return str(ref.get("namespace") or rollout.root.namespace), str(ref.get("name"))


def _annotations(route: Route) -> dict[str, str]:
    found = {ROUTE_VERSION: str(route.version), ROUTE_STABLE: route.stable}
    if route.last_rollback is not None:
        found[ROUTE_ROLLBACK] = route.last_rollback.model_dump_json(by_alias=True, exclude_none=True)
    return found


def _last_rollback(text: str) -> FailedRevision | None:
    """Return the verdict that a route carries; what somebody else wrote there is none."""
    try:
        return FailedRevision.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _matches(rule: RouteRule) -> list[dict[str, Any]]:
    if not rule.headers:
        return [{"path": EVERY_PATH}]
    return [
        {"path": EVERY_PATH, "headers": [{"type": "Exact", "name": name, "value": value}]}
        for name, value in rule.headers
    ]


def _backends(rule: RouteRule) -> list[dict[str, Any]]:
    largest_first = sorted(rule.weights.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"group": "", "kind": "Service", "name": name, "port": PORT, "weight": weight} for name, weight in largest_first
    ]


def _filters(rule: RouteRule) -> dict[str, Any]:
    """Return the filter that copies requests; only a gateway that said it can is ever given one."""
    if rule.mirror is None:
        return {}
    service, percent = rule.mirror
    mirror: dict[str, Any] = {"backendRef": {"group": "", "kind": "Service", "name": service, "port": PORT}}
    # Percentages are a feature of their own: all of them is said by saying none.
    mirror |= {"percent": percent} if percent < 100 else {}
    return {"filters": [{"type": "RequestMirror", "requestMirror": mirror}]}


def _rule(rule: Mapping[str, Any]) -> RouteRule | None:
    """Return a rule as ours look, or None when it is not one."""
    matches = rule.get("matches") or ()
    plain = all(match.get("path") == EVERY_PATH and match.keys() <= {"path", "headers"} for match in matches)
    headers = [_header(match.get("headers") or ()) for match in matches if match.get("headers")]
    alike = len(headers) == len(matches) or (not headers and len(matches) == 1)
    found = tuple(header for header in headers if header is not None)
    filters = rule.get("filters") or ()
    mirror = _mirror(filters)
    strange = len(mirror) != len(filters) or len(mirror) > 1 or len(found) != len(headers)
    if strange or not matches or not plain or not alike:
        return None
    weights = {str(ref.get("name")): int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or ()}
    return RouteRule(weights, found, *mirror)


def _mirror(filters: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    found = [entry.get("requestMirror") or {} for entry in filters if entry.get("type") == "RequestMirror"]
    return [(str((m.get("backendRef") or {}).get("name")), int(m.get("percent", 100))) for m in found]


def _header(headers: Iterable[Mapping[str, Any]]) -> Header | None:
    first, *others = headers
    if others or first.get("type", "Exact") != "Exact":
        return None
    return str(first.get("name")), str(first.get("value"))


def _statuses(manifest: Manifest, gateway: Gateway, rollout: Rollout) -> list[Mapping[str, Any]]:
    """Return what `gateway` says of the route."""
    entries = (manifest.get("status") or {}).get("parents") or ()
    return [entry for entry in entries if _named(entry.get("parentRef") or {}, rollout) == gateway]


def _answer(entry: Mapping[str, Any], generation: int) -> dict[str, str]:
    """Return, for Accepted and ResolvedRefs as far as they speak of `generation`, what is wrong (empty: nothing)."""
    found: dict[str, str] = {}
    for condition in entry.get("conditions") or ():
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
