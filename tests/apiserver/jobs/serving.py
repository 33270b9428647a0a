"""The nodes and the gateway of a Rollout, on a cluster that has neither."""

from __future__ import annotations

from ipaddress import IPv4Network

from tests.apiserver.jobs.cluster import STAMP, Cluster
from tests.apiserver.objects import Manifest

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces"
READY = [{"type": "Ready", "status": "True", "lastTransitionTime": STAMP}]
_ADDRESSES = IPv4Network("10.0.0.0/16").hosts()


def play(cluster: Cluster, name: str) -> None:
    """Let nodes and gateway do what is theirs to do now: pods run or go, and routes are taken."""
    for pod in cluster.list(cluster.core(f"pods?labelSelector=slipway.dev/name={name}")):
        if "deletionTimestamp" in pod["metadata"]:
            cluster.delete(cluster.core(f"pods/{pod['metadata']['name']}"), {"gracePeriodSeconds": 0})
        elif "nodeName" not in pod["spec"]:
            address = str(next(_ADDRESSES))
            cluster.run(pod["metadata"]["name"], podIP=address, podIPs=[{"ip": address}], conditions=READY)
    for route in cluster.list(f"{ROUTES}/{cluster.namespace}/httproutes"):
        if not _taken(route):
            _take(cluster, route)


def _taken(route: Manifest) -> bool:
    parents = (route.get("status") or {}).get("parents") or ()
    answered = [one["observedGeneration"] for parent in parents for one in parent["conditions"]]
    return bool(answered) and min(answered) == route["metadata"]["generation"]


def _take(cluster: Cluster, route: Manifest) -> None:
    meta = route["metadata"]
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": meta["generation"],
            "lastTransitionTime": STAMP,
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    said = {"controllerName": "example.com/gateway", "conditions": conditions}
    parents = [{"parentRef": parent, **said} for parent in route["spec"]["parentRefs"]]
    path = f"{ROUTES}/{cluster.namespace}/httproutes/{meta['name']}/status"
    cluster.patch(path, {"status": {"parents": parents}})
