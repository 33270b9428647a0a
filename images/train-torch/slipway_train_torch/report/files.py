"""Where does the report of a run go, and how is an earlier one found again?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from slipway.contract.dataset import REPORT_DATA, REPORT_PAGE
from slipway.contract.job import Train
from slipway.contract.model import HISTORY
from slipway.contract.training_report import TrainingReport, folder
from slipway_pod.store import Bucket, open_store
from slipway_train_torch.report.page import page

log = logging.getLogger("slipway")

PATIENCE: Final = timedelta(seconds=5)
"""A report is worth a moment, not the minute that a checkpoint is: after SIGTERM there is none to spare."""


class Files:
    """The folder of one run's report. Every fault of the store is a PodError."""

    def __init__(self, job: Train) -> None:
        self._store = job.store
        self._folder = folder(job)

    def before(self) -> TrainingReport | None:
        """Return the report that an earlier attempt left, if it left one that can be read."""
        bucket, key = self._bucket(), f"{self._folder}/{REPORT_DATA}"
        if not bucket.exists(key):
            return None
        try:
            return TrainingReport.model_validate_json(bucket.read(key))
        except ValidationError as error:
            log.warning("the report of the attempt before cannot be read, a new one begins: %s", error)
            return None

    def put(self, report: TrainingReport, history: Iterable[Mapping[str, Any]] | None) -> str:
        """Write `report`, and `history` where it is known, and return the address of the page."""
        bucket = self._bucket()
        if history is not None:
            lines = "".join(json.dumps(line) + "\n" for line in history)
            bucket.put(f"{self._folder}/{HISTORY}", lines.encode())
        data = json.dumps(report.dump(), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"
        bucket.put(f"{self._folder}/{REPORT_DATA}", data.encode())
        bucket.put(f"{self._folder}/{REPORT_PAGE}", page(report).encode())
        return bucket.uri(f"{self._folder}/{REPORT_PAGE}")

    def put_file(self, path: Path, name: str) -> None:
        """Write a file beside the report."""
        self._bucket().put(f"{self._folder}/{name}", path)

    def _bucket(self) -> Bucket:
        return open_store(self._store, patience=PATIENCE)
