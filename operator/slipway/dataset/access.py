"""What must a preparation pod be given to reach what its source and steps ask: Secrets, a volume, a way out?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_source import GitSource, HttpSource, PersistentVolumeClaimSource, Source
from slipway.api.dataset_steps import Step
from slipway.contract.source import CLAIM_FOLDER, GITHUB, language_models, step_variables, variables
from slipway.jobs import JOB_NAME_LABEL
from slipway.plan import Manifest
from slipway.workload import Mount, Root, metadata

ANYWHERE: Final = (
    {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]},
    {"cidr": "::/0", "except": ["fe80::/10"]},
)
"""Every address but link-local ones, where clouds hand out the node's credentials."""


def environment(source: Source, steps: Sequence[Step] = ()) -> tuple[dict[str, Any], ...]:
    """Return the variables of the pod, by reference to Secrets of the Dataset's namespace."""
    return tuple(
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in (variables(source) | step_variables(steps)).items()
    )


def mounts(source: Source) -> tuple[Mount, ...]:
    """Return the volumes of the pod."""
    match source.chosen:
        case PersistentVolumeClaimSource(claim_name=name):
            return (Mount("source", CLAIM_FOLDER, {"persistentVolumeClaim": {"claimName": name, "readOnly": True}}),)
    return ()


def ports(source: Source) -> tuple[int, ...]:
    """Return the ports at which the source's servers are spoken to; object stores are no matter of the source."""
    match source.chosen:
        case HttpSource(files=files):
            return tuple(sorted({_port(file.url) for file in files}))
        case GitSource(url=url):
            return (_port(url),)
        case GitHubSource(api_url=url):
            return (_port(url or GITHUB),)
    return ()


def network_policy(root: Root, job: str, source: Source, steps: Sequence[Step] = ()) -> list[Manifest]:
    """Return what lets the pods of `job` out to the servers of source and steps, beside what all our pods may reach.

    Policies know no host names, so ports are what can be narrowed.
    """
    wanted = sorted({*ports(source), *(_port(model.url) for model in language_models(steps).values())})
    if not wanted:
        return []
    out = {
        "to": [{"ipBlock": block} for block in ANYWHERE],
        "ports": [{"port": port, "protocol": "TCP"} for port in wanted],
    }
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(root, job),
            "spec": {
                "podSelector": {"matchLabels": {JOB_NAME_LABEL: job}},
                "policyTypes": ["Egress"],
                "egress": [out],
            },
        }
    ]


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)
