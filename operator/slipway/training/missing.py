"""What keeps a TrainingJob from starting on its data?"""

from __future__ import annotations

from typing import Final

from slipway.rooms import Missing
from slipway.training.data import Data
from slipway.workload import Root

DATASET_NOT_FOUND: Final = "DatasetNotFound"
DATASET_NOT_READY: Final = "DatasetNotReady"
DATASET_FAILED: Final = "DatasetFailed"


def missing(root: Root, dataset: str, data: Data) -> Missing | None:
    """Return what `root` waits for before it can train on `dataset`; None: nothing."""
    if not data.exists:
        return Missing(DATASET_NOT_FOUND, f"Dataset {dataset} does not exist in namespace {root.namespace}: create it")
    if data.failed:
        said = f"Dataset {dataset} failed: {data.said.rstrip('.')}. Correct it; the run then starts by itself"
        return Missing(DATASET_FAILED, said, stalled=True)
    if data.artifact is None:
        return Missing(DATASET_NOT_READY, f"waiting for Dataset {dataset}: {data.said or 'it is not prepared yet'}")
    return None
