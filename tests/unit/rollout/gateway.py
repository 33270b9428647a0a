"""What does a conformant gateway do with a request, given one HTTPRoute?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def backends(
    route: Mapping[str, Any], headers: Mapping[str, str] | None = None, path: str = "/v1/chat/completions"
) -> dict[str, int]:
    """Return the weights by Service for a request with `headers`; none where the route does not take it.

    The match with most headers wins, then the first rule in order (Gateway API, HTTPRouteRule.matches).
    """
    given = headers or {}
    found = [
        (len(match.get("headers", ())), -number)
        for number, rule in enumerate(route["spec"]["rules"])
        for match in rule["matches"]
        if path.startswith(match["path"]["value"])
        and all(given.get(h["name"]) == h["value"] for h in match.get("headers", ()))
    ]
    if not found:
        return {}
    _, number = max(found)
    rule = route["spec"]["rules"][-number]
    return {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}


def copied(route: Mapping[str, Any]) -> dict[str, int]:
    """Return the percent of requests without headers that are copied, by Service."""
    filters = route["spec"]["rules"][-1].get("filters", [])
    mirrors = [each["requestMirror"] for each in filters if each["type"] == "RequestMirror"]
    return {mirror["backendRef"]["name"]: mirror.get("percent", 100) for mirror in mirrors}


def live(route: Mapping[str, Any], bucket_header: str = "x-slipway-bucket") -> dict[str, float]:
    """Return the percent of requests by Service, copies included, when users send a bucket and no other header."""
    total: dict[str, float] = {}
    for number in range(100):
        weights = backends(route, {bucket_header: f"{number:02d}"})
        whole = sum(weights.values())
        if not whole:
            continue  # somebody wrote 0 everywhere: the gateway answers these with 500
        for name, weight in weights.items():
            total[name] = total.get(name, 0.0) + weight / whole
    for name, percent in copied(route).items():
        total[name] = total.get(name, 0.0) + percent
    return total
