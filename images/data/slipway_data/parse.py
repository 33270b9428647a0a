"""Which rows does a file hold? The first step of every Dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from slipway.api.dataset_steps import Parse
from slipway.contract.job import PrepareDataset
from slipway_data import read_jsonl, read_t3d
from slipway_data.raw import RawFile
from slipway_data.rows import Content, Rejected, Row
from slipway_pod.errors import BadConfig


def rows(file: RawFile, job: PrepareDataset) -> Iterator[Row | Rejected]:
    """Yield the rows of one file, each with its group, and what is no row."""
    match job.steps[0].chosen:
        case Parse(format="BlueprintT3D"):
            for item in read_t3d.read(file, job.schema_):
                yield item if isinstance(item, Rejected) else _row(job, file, *item)
        case Parse(format="JSONL"):
            for line in read_jsonl.read(file, job.schema_):
                yield line if isinstance(line, Rejected) else _row(job, file, *line)
        case other:
            raise BadConfig("BadSteps", f"steps[0] is {type(other).__name__}: the first step must be parse")


def _row(job: PrepareDataset, file: RawFile, id: str, content: Content, project: str | None = None) -> Row:
    match job.split.group_by:
        case "File":
            return Row(id, file.path, content)
        case "Project":
            return Row(id, file.project if project is None else project, content)
        case _:
            # By content, not by id: inserting a line must not move the lines after it to other splits.
            return Row(id, hashlib.sha256(content.text.encode()).hexdigest()[:16], content)
