"""Which objects does a Rollout want?

Order of application: the route first. A rollback must not wait behind an object that the apiserver happens to refuse,
and a new share is only given to a revision whose Service and endpoints were already seen.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from slipway.api.rollout import RevisionRef, RolloutSpec, RolloutStatus
from slipway.names import REVISION_LABEL, UID_LABEL
from slipway.plan import Manifest
from slipway.rollout import feedback, routes, salt, traffic
from slipway.rollout.capacity import sizes
from slipway.rollout.history import returnable
from slipway.rollout.observe import Seen
from slipway.rollout.phase import revisions
from slipway.rollout.pod import SERVING_PORT, STATUS_PORT, fetch_config, pod_template
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import PORT, service_name
from slipway.settings import Settings
from slipway.workload import Root, metadata

OWNS = frozenset(
    {
        "ConfigMap",
        "ControllerRevision",
        "Deployment",
        "HTTPRoute",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
)
HTTPS = 443
DNS = 53


def children(rollout: Rollout, status: RolloutStatus, seen: Seen, settings: Settings) -> list[Manifest]:
    """Return everything that should be, in the order of application."""
    found: list[Manifest] = []
    found += [routes.http_route(rollout, route) for route in traffic.routes(rollout, status, seen)]
    found += feedback.route(rollout, status, seen)
    found += salt.published(rollout, status)
    sized = sizes(rollout.spec, status, seen.deployed, seen.held)
    if sized:
        found.append(network_policy(rollout.root, settings))
    for ref, size in sized:
        if ref.revision in seen.templates:
            found += revision_objects(rollout, ref, size, seen, settings)
    return found


def kept(spec: RolloutSpec, status: RolloutStatus, seen: Seen) -> frozenset[tuple[str, str]]:
    """Return what is left as it is: ControllerRevisions, and all of a revision of which too little is seen.

    Its template cannot be read, or it is drained and its Deployment is gone, or not heard of yet: a gateway may still
    send to its Service.
    """
    alive = {ref.revision for ref in revisions(status)}
    # A revision that may return does so with the images that it was judged with.
    remembered = alive | {past.revision for past in returnable(spec, status)}
    left = (alive - set(seen.templates)) | ({ref.revision for ref in status.retiring} - set(seen.deployed))
    return frozenset(
        (kind, name)
        for kind, name, revision in seen.objects
        if revision in left or (revision in remembered and kind == "ControllerRevision")
    )


def revision_objects(rollout: Rollout, ref: RevisionRef, size: int, seen: Seen, settings: Settings) -> list[Manifest]:
    """Return the objects of one revision."""
    root, name = rollout.root, service_name(rollout.root, ref.revision)
    made = seen.templates[ref.revision]
    config = fetch_config(root, name, ref, made, settings)
    labels = {REVISION_LABEL: ref.revision}
    selector = {UID_LABEL: root.uid, REVISION_LABEL: ref.revision}
    found: list[Manifest] = [config]
    if ref.revision not in seen.ordinals:
        ordinal = max(seen.ordinals.values(), default=0) + 1
        found.append(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": metadata(root, name, labels),
                "data": made.dump(),
                "revision": ordinal,
            }
        )
    found.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(root, name, labels),
            "spec": {
                "type": "ClusterIP",
                "selector": selector,
                "ports": [
                    {"name": "http", "port": PORT, "targetPort": SERVING_PORT, "protocol": "TCP"},
                    {
                        "name": "feedback",
                        "port": feedback.PORT,
                        "targetPort": feedback.TARGET_PORT,
                        "protocol": "TCP",
                    },
                ],
            },
        }
    )
    found.append(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(root, name, labels),
            "spec": {
                "replicas": size,
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": selector},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": pod_template(root, ref, made, config["metadata"]["name"], settings),
            },
        }
    )
    if size > 1:
        found.append(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": metadata(root, name, labels),
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector}},
            }
        )
    return found


def network_policy(root: Root, settings: Settings) -> Manifest:
    """Return the policy of all serving pods: requests, votes and scrapes in, names and object store out, no more."""
    store = urlsplit(settings.store.endpoint)
    port = store.port or (80 if store.scheme == "http" else HTTPS)

    def tcp(number: int, protocol: str = "TCP") -> dict[str, Any]:
        return {"port": number, "protocol": protocol}

    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(root, root.name),
        "spec": {
            "podSelector": {"matchLabels": {UID_LABEL: root.uid}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [tcp(SERVING_PORT), tcp(feedback.TARGET_PORT), tcp(STATUS_PORT)]}],
            "egress": [{"ports": [tcp(DNS, "UDP"), tcp(DNS), tcp(port)]}],
        },
    }
