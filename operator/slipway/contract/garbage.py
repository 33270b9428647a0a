"""What may not be collected: which part of the object store does the cluster still speak of?"""

from __future__ import annotations

from slipway.api.base import StatusModel

IN_USE_FILE = "/slipway/garbage/in-use.json"


class InUse(StatusModel):
    """What the objects of a cluster mention. Read anew for each collection."""

    read: str
    """When, as RFC 3339 writes it."""
    objects: int
    """How many objects were read."""
    uris: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    """All Datasets, each as namespace/name: the rows that were read for them are kept under these names."""
    unfinished_since: str | None = None
    """When the oldest TrainingJob that has not ended was made: what was stored since may be its result."""
