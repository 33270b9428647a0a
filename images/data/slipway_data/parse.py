"""Which rows does a file hold? The first step of every Dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from slipway.api.dataset_steps import Parse, Step
from slipway.contract.job import PrepareDataset
from slipway_data import balance, licence, read_blend, read_bpy, read_jsonl, read_markdown, read_parquet, read_t3d
from slipway_data.raw import RawFile
from slipway_data.rows import Parsed, Rejected, Row
from slipway_pod.errors import BadConfig

Reader = Callable[[RawFile, Literal["Chat", "Completion"]], Iterator[Parsed | Rejected]]
READERS: dict[str, Reader] = {
    "Blend": read_blend.read,
    "BlenderPython": read_bpy.read,
    "BlueprintT3D": read_t3d.read,
    "Markdown": read_markdown.read,
}


def rows(file: RawFile, job: PrepareDataset) -> Iterator[Row | Rejected]:
    """Yield the rows of one file, each with its group, and what is no row."""
    if licence.asked_for(job.steps) and licence.is_licence(file.path):
        return
    for item in _read(file, job):
        yield item if isinstance(item, Rejected) else _row(job, file, item)


def columns(steps: Sequence[Step]) -> frozenset[str]:
    """Return the columns, besides those of the schema, that `steps` judge rows by."""
    balanced = balance.asked_for(steps)
    named = (balanced.column,) if balanced is not None and balanced.column is not None else ()
    return frozenset((*(licence.COLUMNS if licence.asked_for(steps) else ()), *named))


def _read(file: RawFile, job: PrepareDataset) -> Iterator[Parsed | Rejected]:
    match job.steps[0].chosen:
        case Parse(format="JSONL"):
            return read_jsonl.read(file, job.schema_, columns(job.steps))
        case Parse(format="Parquet"):
            return read_parquet.read(file, job.schema_, columns(job.steps))
        case Parse(format=name):
            return READERS[name](file, job.schema_)
        case other:
            raise BadConfig("BadSteps", f"steps[0] is {type(other).__name__}: the first step must be parse")


def _row(job: PrepareDataset, file: RawFile, item: Parsed) -> Row:
    project = file.project if item.project is None else item.project
    match job.split.group_by:
        case "File":
            group = file.path
        case "Project":
            group = project
        case _:
            # By content, not by id: inserting a line must not move the lines after it to other splits.
            group = hashlib.sha256(item.content.text.encode()).hexdigest()[:16]
    return Row(item.id, group, item.content, file.path, project, item.columns)
