"""Is anything of ours left in a namespace from which all our objects were deleted?"""

from __future__ import annotations

import time

from e2e.cluster.base import Cluster
from slipway.names import UID_LABEL

KINDS = (
    "jobs",
    "pods",
    "deployments",
    "replicasets",
    "services",
    "endpointslices",
    "configmaps",
    "controllerrevisions",
    "httproutes",
    "networkpolicies",
    "poddisruptionbudgets",
)


def leftovers(cluster: Cluster, namespace: str, uid: str = "") -> list[str]:
    """Return every object in `namespace` that carries our label, or that belongs to `uid`, as kind/name."""
    label = f"{UID_LABEL}={uid}" if uid else UID_LABEL
    found = cluster.kubectl("-n", namespace, "get", ",".join(KINDS), "-l", label, "-o", "name")
    return sorted(found.split())


def leftovers_after(cluster: Cluster, namespace: str, seconds: float, uid: str = "") -> list[str]:
    """Return what is still there when garbage collection and draining pods have had `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := leftovers(cluster, namespace, uid)) and time.monotonic() < deadline:
        time.sleep(1)
    return found
