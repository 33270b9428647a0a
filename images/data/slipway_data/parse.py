"""Which rows does a file hold? The first step of every Dataset."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial

from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.dataset_steps import Parse, Step
from slipway.contract.job import PrepareDataset
from slipway_data import (
    balance,
    bounded,
    documents,
    licence,
    read_blend,
    read_bpy,
    read_dataset,
    read_jsonl,
    read_markdown,
    read_parquet,
    read_t3d,
)
from slipway_data.known import Known
from slipway_data.raw import RawFile
from slipway_data.read_feedback import Feedback
from slipway_data.report.kept import texts
from slipway_data.reuse.kept import KeptRows
from slipway_data.rows import WRONG_ENCODING, Parsed, Rejected, Row, is_text, spelled
from slipway_pod.errors import BadConfig

READERS: dict[str, documents.Reader] = {
    "Blend": read_blend.read,
    "BlenderPython": read_bpy.read,
    "BlueprintT3D": read_t3d.read,
    "Markdown": read_markdown.read,
}


def everything(
    files: Sequence[RawFile], job: PrepareDataset, database: sqlite3.Connection, kept: KeptRows | None = None
) -> Iterator[tuple[int, Row | Rejected | Known]]:
    """Yield the rows of all `files`, and what is no row, each with the number of files read by then.

    Rows that are `kept` are taken from there, the others are kept.
    """
    source = job.source.chosen
    if not isinstance(source, FeedbackSource):
        try:
            for number, file in enumerate(files, start=1):
                yield from ((number, item) for item in rows(file, job, kept))
        finally:
            bounded.end()
        return
    said = Feedback(source, job.schema_, database)
    for number, file in enumerate(files, start=1):
        yield from ((number, entry) for entry in said.take(file))
    for item in said.rows():
        yield len(files), item if isinstance(item, Rejected) else _row(job, "", item)


def rows(file: RawFile, job: PrepareDataset, kept: KeptRows | None = None) -> Iterator[Row | Rejected | Known]:
    """Yield the rows of one file, each with its group, and what is no row."""
    if licence.asked_for(job.steps) and licence.is_licence(file.path):
        return
    read = partial(_read, job=job)
    for item in read(file) if kept is None else kept.rows(file, read):
        yield item if isinstance(item, Rejected | Known) else _row(job, file.path, item)


def columns(steps: Sequence[Step]) -> frozenset[str]:
    """Return the columns, besides those of the schema, that `steps` judge rows by, and the report tells of."""
    balanced = balance.asked_for(steps)
    named = (balanced.column,) if balanced is not None and balanced.column is not None else ()
    return frozenset((*licence.COLUMNS, *named))


def _read(file: RawFile, job: PrepareDataset) -> Iterator[Parsed | Rejected]:
    match job.steps[0].chosen:
        case Parse(format="JSONL"):
            return read_jsonl.read(file, job.schema_, columns(job.steps))
        case Parse(format="Parquet"):
            return read_parquet.read(file, job.schema_, columns(job.steps))
        case Parse(format="Dataset"):
            return read_dataset.read(file, job.schema_)
        case Parse(format=name) if name in READERS and job.schema_ != "Preference":
            return documents.read(READERS[name], file, job.schema_)
        case other:
            raise BadConfig(
                "BadSteps",
                f"steps[0] is {other}, which reads no rows of schema {job.schema_} here: see the API reference",
            )


def _row(job: PrepareDataset, path: str, item: Parsed) -> Row | Rejected:
    if not all(map(is_text, _texts(item))):
        message = "it spells half a character (a lone surrogate, such as \\ud83d): write the whole character"
        return Rejected(spelled(item.id), WRONG_ENCODING, message)
    project = path.rpartition("/")[0] if item.project is None else item.project
    return Row(item.id, _group(job, path, project, item), item.content, path, project, item.columns, item.split)


def _texts(item: Parsed) -> Iterator[str]:
    """Yield every text of a row that steps, tables or files will take for one."""
    yield from (item.id, item.project or "", item.group or "", item.split)
    yield from (text for _, text in texts(item.content))
    yield from (value for value in item.columns.values() if isinstance(value, str))


def _group(job: PrepareDataset, path: str, project: str, item: Parsed) -> str:
    by = job.split.group_by
    if item.group is not None and not (by == "Project" and item.project and not item.split):
        return item.group
    match by:
        case "File":
            return path
        case "Project":
            return project
        case _:
            # By content, not by id: inserting a line must not move the lines after it to other splits.
            return hashlib.sha256(item.content.text.encode()).hexdigest()[:16]
