"""Objects that get ready one after the other, with the test as their pods."""

from __future__ import annotations

from typing import Any

from slipway.contract.result import Evaluated, Prepared, Trained
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster

DATA = {"uri": "s3://slipway/slipway/datasets/d/", "digest": "sha256:" + "d" * 64, "bytes": 10}
MODEL = {"uri": "s3://slipway/slipway/models/m/", "digest": "sha256:" + "e" * 64, "bytes": 10}
ROWS = {"train": 80, "validation": 10, "test": 10}
PREPARED = Prepared(artifact=DATA, rows=ROWS, report="s3://slipway/slipway/reports/report.html")
TRAINED = Trained(artifact=MODEL, kind="Model", formats=("SafeTensors", "GGUF"), steps=8)


def prepared(cluster: Cluster, name: str = "blueprints", **spec: Any) -> str:
    """Return a Dataset that is Ready."""
    made = cluster.apply(objects.dataset(name), **spec)
    pod = cluster.pod_of(made)
    cluster.run(pod)
    cluster.end(pod, 0, PREPARED)
    cluster.until_state("Dataset", made, "Ready")
    return made


def verified(cluster: Cluster, name: str, digest: str) -> None:
    """Let a ModelVersion become Ready."""
    pod = cluster.pod_of(name)
    cluster.run(pod)
    cluster.end(pod, 0, Evaluated(digest=digest))
    cluster.until_state("ModelVersion", name, "Ready")
