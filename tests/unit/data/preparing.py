"""A store in a folder, and a job on it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.contract.dataset import REJECTED, REPORT_DATA, REPORT_PAGE
from slipway.contract.dataset_report import DatasetReport
from slipway.contract.job import PrepareDataset, Store
from slipway.contract.result import Prepared
from slipway_data.prepare import prepare
from slipway_pod.errors import BadData

BUCKET = "slipway"


@dataclass
class Place:
    """A bucket that is a folder."""

    root: Path

    def __post_init__(self) -> None:
        (self.root / BUCKET).mkdir(parents=True)

    @property
    def store(self) -> Store:
        return Store(endpoint=f"file://{self.root}", bucket=BUCKET)

    def put(self, path: str, content: str | bytes) -> None:
        target = self.root / BUCKET / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, uri: str) -> str:
        return (self.root / uri.removeprefix("s3://")).read_text(encoding="utf-8")

    def job(self, parse: str = "JSONL", schema: str = "Completion", *steps: Mapping[str, Any], **more: Any) -> Any:
        whole: dict[str, Any] = {
            "namespace": "demo",
            "name": "data",
            "store": self.store,
            "source": {"objectStore": {"uri": f"s3://{BUCKET}/raw/"}},
            "schema": schema,
            "steps": [{"parse": {"as": parse}}, *steps],
            "split": {"trainPercent": 100, "validationPercent": 0, "testPercent": 0},
            "quality": {},
        }
        return PrepareDataset.model_validate(whole | more)

    def prepare(self, *arguments: Any, **more: Any) -> Prepared:
        made = prepare(self.job(*arguments, **more))
        assert isinstance(made, Prepared)
        return made

    def rows(self, result: Prepared, split: str = "train") -> list[dict[str, Any]]:
        folder = self.root / result.artifact.uri.removeprefix("s3://") / split
        return [row for shard in sorted(folder.glob("*.parquet")) for row in pq.read_table(shard).to_pylist()]

    def rejected(self, result: Prepared | BadData) -> list[dict[str, str]]:
        """Return the rows left out: listed in a dataset, or beside the report of data that was refused."""
        folder = result.artifact.uri if isinstance(result, Prepared) else f"{result.report.rpartition('/')[0]}/"
        return [json.loads(line) for line in self.read(f"{folder}{REJECTED}").splitlines()]

    def report(self, result: Prepared | BadData) -> DatasetReport:
        page = result.report
        assert page.endswith(f"/{REPORT_PAGE}")
        return DatasetReport.model_validate_json(self.read(page.removesuffix(REPORT_PAGE) + REPORT_DATA))


def damaged(rows: int, group: int) -> bytes:
    """Return a Parquet file of pairs, `group` of them in each row group, of which the second is damaged."""
    columns = {"prompt": [f"question {n}" for n in range(rows)], "completion": [f"answer {n}" for n in range(rows)]}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=group, compression="zstd", use_dictionary=False)
    content = bytearray(file.getvalue())
    held = pq.ParquetFile(file).metadata.row_group(1).column(0)
    end = held.data_page_offset + held.total_compressed_size
    content[held.data_page_offset : end] = bytes(held.total_compressed_size)
    return bytes(content)


def pair(prompt: object, completion: object = "done", **more: object) -> str:
    return json.dumps({"prompt": prompt, "completion": completion, **more}) + "\n"


def pairs(count: int, start: int = 0) -> str:
    return "".join(pair(f"question {n}", f"answer {n}") for n in range(start, start + count))
