"""What of a Dataset concerns a run?"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.api.dataset import DatasetStatus
from slipway.plan import Manifest


@dataclass(frozen=True)
class Data:
    """The Dataset as far as the run is concerned."""

    exists: bool = False
    failed: bool = False
    artifact: ArtifactRef | None = None
    """What is prepared, once the Dataset is Ready."""
    said: str = ""


def data_of(found: Manifest | None) -> Data:
    """Return what concerns a run of the Dataset `found`; None where there is none of its name."""
    if found is None:
        return Data()
    try:
        status = DatasetStatus.model_validate(found.get("status") or {})
    except ValidationError:
        status = DatasetStatus()
    settled = status.observed_generation == found["metadata"].get("generation", 1)
    ready = status.state == "Ready" and settled and status.artifact is not None
    artifact = status.artifact
    return Data(
        exists=True,
        failed=status.state == "Failed" and settled,
        artifact=ArtifactRef(uri=artifact.uri, digest=artifact.digest) if ready and artifact is not None else None,
        said=status.message,
    )
