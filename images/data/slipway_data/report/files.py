"""Where does a report go?"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from slipway.contract.dataset import REJECTED, REPORT_DATA, REPORT_PAGE
from slipway.contract.dataset_report import DatasetReport
from slipway.contract.job import PrepareDataset
from slipway_data.report.page import page
from slipway_pod.errors import PodError
from slipway_pod.store import Bucket, open_store

log = logging.getLogger("slipway")


def publish(job: PrepareDataset, report: DatasetReport, digest: str) -> str:
    """Upload the report of the published dataset `digest` and return the address of its page."""
    folder = f"{job.store.prefix}/datasets/reports/{_hex(job.fingerprint())}/{_hex(digest)}"
    return _put(open_store(job.store), folder, report)


def publish_refused(job: PrepareDataset, report: DatasetReport, rejected: Path) -> str:
    """Upload the report of refused data, and its rejected rows, and return the address of its page.

    The refusal matters more than its report: where the store takes none, the address is empty.
    """
    folder = f"{job.store.prefix}/datasets/refused/{_hex(job.fingerprint())}"
    try:
        bucket = open_store(job.store)
        bucket.put(f"{folder}/{REJECTED}", rejected)
        return _put(bucket, folder, report)
    except PodError as error:
        log.warning("the report could not be kept: %s", error)
        return ""


def _put(bucket: Bucket, folder: str, report: DatasetReport) -> str:
    data = json.dumps(report.dump(), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    bucket.put(f"{folder}/{REPORT_DATA}", data.encode())
    bucket.put(f"{folder}/{REPORT_PAGE}", page(report).encode())
    return bucket.uri(f"{folder}/{REPORT_PAGE}")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
