"""How does a pod of ours get out to servers that only its own object names?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from slipway.jobs import JOB_NAME_LABEL
from slipway.plan import Manifest
from slipway.workload import Root, metadata

ANYWHERE: Final = (
    {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]},
    {"cidr": "::/0", "except": ["fe80::/10"]},
)
"""Every address but link-local ones, where clouds hand out the node's credentials."""


def way_out(root: Root, job: str, ports: Sequence[int], pods: Mapping[str, Any] | None = None) -> list[Manifest]:
    """Return what lets the pods of `job` out to any server at `ports`, beside what all our pods may reach.

    `pods` selects them where `job` is no Job.

    Policies know no host names, so ports are what can be narrowed. Where no other policy selects the pods, this one
    would be the first, and shut them in: it is for settings.closed_namespaces only.
    """
    if not ports:
        return []
    out = {
        "to": [{"ipBlock": block} for block in ANYWHERE],
        "ports": [{"port": port, "protocol": "TCP"} for port in ports],
    }
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(root, job),
            "spec": {
                "podSelector": pods or {"matchLabels": {JOB_NAME_LABEL: job}},
                "policyTypes": ["Egress"],
                "egress": [out],
            },
        }
    ]


def port_of(url: str) -> int:
    """Return the port at which the server of `url` listens."""
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)
