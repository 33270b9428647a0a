"""Which rows does a file hold? The first step of every Dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Literal

from slipway.api.dataset_steps import Parse
from slipway.contract.job import PrepareDataset
from slipway_data import read_bpy, read_jsonl, read_markdown, read_parquet, read_t3d
from slipway_data.raw import RawFile
from slipway_data.rows import Parsed, Rejected, Row
from slipway_pod.errors import BadConfig

Reader = Callable[[RawFile, Literal["Chat", "Completion"]], Iterator[Parsed | Rejected]]
READERS: dict[str, Reader] = {
    "BlenderPython": read_bpy.read,
    "BlueprintT3D": read_t3d.read,
    "JSONL": read_jsonl.read,
    "Markdown": read_markdown.read,
    "Parquet": read_parquet.read,
}


def rows(file: RawFile, job: PrepareDataset) -> Iterator[Row | Rejected]:
    """Yield the rows of one file, each with its group, and what is no row."""
    step = job.steps[0].chosen
    if not isinstance(step, Parse):
        raise BadConfig("BadSteps", f"steps[0] is {type(step).__name__}: the first step must be parse")
    for item in READERS[step.format](file, job.schema_):
        yield item if isinstance(item, Rejected) else _row(job, file, item)


def _row(job: PrepareDataset, file: RawFile, item: Parsed) -> Row:
    match job.split.group_by:
        case "File":
            group = file.path
        case "Project":
            group = file.project if item.project is None else item.project
        case _:
            # By content, not by id: inserting a line must not move the lines after it to other splits.
            group = hashlib.sha256(item.content.text.encode()).hexdigest()[:16]
    return Row(item.id, group, item.content)
