"""A store in memory, whose ETags tell content as those of S3 do, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from slipway.contract.dataset import REPORT_DATA, REPORT_PAGE
from slipway.contract.dataset_report import DatasetReport, FilesRead
from slipway.contract.job import PrepareDataset, Store
from slipway.contract.result import Prepared
from slipway_data.prepare import prepare
from slipway_pod import store as module
from slipway_pod.store import Bucket

FOLDER = "slipway/parsed-rows/demo/data"
INDEX = f"{FOLDER}/index.json"
ONE = {"trainPercent": 100, "validationPercent": 0, "testPercent": 0}


@dataclass
class Memory:
    """A bucket, and the keys of what was read and written."""

    backend: MemoryStore = field(default_factory=MemoryStore)
    read: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @classmethod
    def in_place_of_s3(cls, monkeypatch: pytest.MonkeyPatch) -> Memory:
        """Return a store that everything finds which asks for S3."""
        made = cls()
        monkeypatch.setattr(module, "S3Store", lambda *_, **__: made.backend)
        for name, keys in (("stream", made.read), ("read", made.read), ("put", made.written)):
            monkeypatch.setattr(Bucket, name, _noted(getattr(Bucket, name), keys))
        return made

    @property
    def store(self) -> Store:
        return Store(endpoint="http://in-memory", bucket="slipway")

    def put(self, key: str, content: str | bytes) -> None:
        obstore.put(self.backend, key, content if isinstance(content, bytes) else content.encode())

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self.backend, key).bytes())

    def delete(self, key: str) -> None:
        obstore.delete(self.backend, key)

    def keys(self, prefix: str = "") -> set[str]:
        return {found["path"] for page in obstore.list(self.backend, prefix=prefix or None) for found in page}

    def hold(self, files: Mapping[str, str | bytes]) -> None:
        """Let these be all the files that there are to read, by their path."""
        for key in self.keys("raw/"):
            self.delete(key)
        for path, content in files.items():
            self.put(f"raw/{path}", content)

    def packs(self) -> set[str]:
        return self.keys(f"{FOLDER}/packs/")

    def bytes(self) -> int:
        """How much is kept in packs."""
        return sum(len(self.get(key)) for key in self.packs())

    def job(self, parse: str = "JSONL", *steps: dict[str, Any], **more: Any) -> PrepareDataset:
        whole: dict[str, Any] = {
            "namespace": "demo",
            "name": "data",
            "store": self.store,
            "source": {"objectStore": {"uri": "s3://slipway/raw/"}},
            "schema": "Completion",
            "steps": [{"parse": {"as": parse}}, *steps],
            "split": ONE,
            "quality": {"maxRejectedPercent": 100},
        }
        return PrepareDataset.model_validate(whole | more)

    def prepare(self, job: PrepareDataset | None = None) -> Prepared:
        """Prepare, after what was asked before is forgotten."""
        self.read.clear()
        self.written.clear()
        made = prepare(job or self.job())
        assert isinstance(made, Prepared)
        return made

    def raw(self) -> list[str]:
        """Which raw files were read."""
        return sorted(key for key in self.read if key.startswith("raw/"))

    def report(self, made: Prepared) -> DatasetReport:
        page = made.report.removeprefix("s3://slipway/")
        return DatasetReport.model_validate_json(self.get(page.removesuffix(REPORT_PAGE) + REPORT_DATA))

    def page(self, made: Prepared) -> str:
        return self.get(made.report.removeprefix("s3://slipway/")).decode()

    def counts(self, made: Prepared) -> tuple[int, int, int]:
        """How many files were read, how many were taken from what was kept, and how many of the read were damaged."""
        reading: FilesRead | None = self.report(made).reading
        assert reading is not None
        return reading.read, reading.kept, reading.damaged

    def rows(self, made: Prepared) -> list[dict[str, Any]]:
        folder = made.artifact.uri.removeprefix("s3://slipway/")
        shards = sorted(key for key in self.keys(f"{folder}train/") if key.endswith(".parquet"))
        return [row for key in shards for row in pq.read_table(pa.BufferReader(self.get(key))).to_pylist()]


def _noted(method: Any, keys: list[str]) -> Any:
    def noted(self: Bucket, key: str, *arguments: Any, **named: Any) -> Any:
        keys.append(key)
        return method(self, key, *arguments, **named)

    return noted
