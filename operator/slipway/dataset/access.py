"""What must a preparation pod be given to reach what its source and steps ask: Secrets, a volume, a way out?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slipway.api.dataset import DatasetSpec
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_source import GitSource, HttpSource, PersistentVolumeClaimSource, Source
from slipway.api.dataset_steps import Step
from slipway.contract.source import CLAIM_FOLDER, GITHUB, model_apis, step_variables, variables
from slipway.egress import port_of, way_out
from slipway.plan import Manifest
from slipway.workload import Mount, Root, from_secret


def environment(source: Source, steps: Sequence[Step] = ()) -> tuple[dict[str, Any], ...]:
    """Return the variables of the pod, by reference to Secrets of the Dataset's namespace."""
    return tuple(
        from_secret(name, secret.name, secret.key)
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
            return tuple(sorted({port_of(file.url) for file in files}))
        case GitSource(url=url):
            return (port_of(url),)
        case GitHubSource(api_url=url):
            return (port_of(url or GITHUB),)
    return ()


def network_policy(root: Root, job: str, spec: DatasetSpec) -> list[Manifest]:
    """Return what lets the pods of `job` out to the servers that `spec` names, beside what all our pods may reach."""
    models = (port_of(model.url) for model in model_apis(spec.steps).values())
    engine = () if spec.engine is None or spec.engine.ray is None else (port_of(spec.engine.ray.address),)
    return way_out(root, job, sorted({*ports(spec.source), *models, *engine}))
