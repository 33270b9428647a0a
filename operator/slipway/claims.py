"""What may only one object of a namespace have?

A host name on a Gateway: two Rollouts that both route it would take each other's requests. Rooms ask who else claims
what they claim; the store answers from an index, because comparing all with all grows with their square.
"""

from __future__ import annotations

from typing import Any

from slipway.plan import Manifest


def claims(root: Manifest) -> frozenset[str]:
    """Return what `root` claims: a Rollout its host names, as `gateway-namespace/gateway/host`.

    It may be of any shape: what the apiserver of another version let pass claims what can be read of it.
    """
    if root["kind"] != "Rollout":
        return frozenset()
    spec = _fields(root.get("spec"))
    traffic, blue_green = _fields(spec.get("traffic")), _fields(_fields(spec.get("strategy")).get("blueGreen"))
    gateway = _fields(traffic.get("gateway"))
    where = f"{gateway.get('namespace') or root['metadata']['namespace']}/{gateway.get('name')}"
    hosts = [*_items(traffic.get("hostnames")), *_items(blue_green.get("previewHostnames"))]
    return frozenset(f"{where}/{host}" for host in hosts)


def seniority(root: Manifest) -> tuple[str, str]:
    """Return what orders claimants: the oldest wins, and a tie has a winner too."""
    meta = root["metadata"]
    return str(meta.get("creationTimestamp") or ""), str(meta["uid"])


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
