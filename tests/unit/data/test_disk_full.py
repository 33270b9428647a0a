"""Is a disk that fills up while data is prepared told as that, and is nothing lost by it?"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.exitcodes import ExitCode
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Failed, Prepared
from slipway_data import prepare as module
from slipway_pod.errors import DiskFull
from slipway_pod.run import attempt
from tests.unit.data.preparing import BUCKET, Place, pairs

PAGES = 40
"""Of 4 KiB: what the tables of a job take without rows, and little more."""


def test_a_full_disk_publishes_nothing_and_the_next_run_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path / "store")
    place.put("raw/a.jsonl", pairs(5000))
    job = tmp_path / "job.json"
    job.write_text(json.dumps(place.job("JSONL", "Completion", {"deduplicate": {"method": "Exact"}}).dump()))
    before = stored(place)
    connect = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*arguments, **options)
        database.execute(f"PRAGMA max_page_count={PAGES}")
        return database

    with monkeypatch.context() as full:
        full.setattr(sqlite3, "connect", small)
        code, result = attempt(module.prepare, PrepareDataset, job)
    assert code == DiskFull.code
    assert isinstance(result, Failed)
    assert result.reason == "DiskFull"
    assert "raise resources.storage" in result.message
    assert stored(place) == before
    code, result = attempt(module.prepare, PrepareDataset, job)
    assert code == ExitCode.OK
    assert isinstance(result, Prepared)
    assert result.rows.train == len(place.rows(result)) == 5000


def stored(place: Place) -> list[Path]:
    return sorted(path for path in (place.root / BUCKET).rglob("*") if path.is_file())
