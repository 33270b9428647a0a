"""How does a PrepareDataset job go from raw files to a published dataset? Read top to bottom."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from slipway.api.dataset import Deduplicate, Filter, Parse, Redact, Rows
from slipway.contract.artifact import digest_of
from slipway.contract.dataset import CARD, REPORT, SPLITS, DatasetCard
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared
from slipway_data import read_jsonl, read_t3d
from slipway_data.dedupe import Seen, seen
from slipway_data.judge import Tally, judge
from slipway_data.redact import Redactor
from slipway_data.rows import DUPLICATE, TOO_LONG, TOO_SHORT, Chat, Completion, Content, Message, Rejected, Row
from slipway_data.shards import ShardWriter
from slipway_data.source import RawFile, files
from slipway_data.split import Ties, place
from slipway_pod.artifact import publish
from slipway_pod.errors import BadConfig, PodError
from slipway_pod.store import open_store

log = logging.getLogger("slipway")

EVERY = 5_000
"""Rows between two lines of progress."""

Change = Callable[[Row], Row | Rejected]


def prepare(job: PrepareDataset) -> Prepared:
    """Read, check, clean, split and publish the data that `job` describes.

    Rows stream through the steps one by one, in the order of file paths, into a table on disk; the shards are written
    from it, sorted by row id. Raises BadData when the result is no dataset (see judge).
    """
    found = files(job.source, job.store)
    log.info("%d files", len(found))
    with tempfile.TemporaryDirectory(prefix="prepare-") as scratch:
        work = Path(scratch)
        folder = work / "dataset"
        folder.mkdir()
        tally, ties = Tally(files=len(found)), Ties()
        with closing(sqlite3.connect(work / "rows.sqlite")) as database:
            database.execute("PRAGMA journal_mode=OFF")
            database.execute("PRAGMA synchronous=OFF")
            database.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, grp TEXT, content TEXT) WITHOUT ROWID")
            with (folder / REPORT).open("w", encoding="utf-8") as report:
                _through_steps(job, found, database, tally, ties, report.write)
            splits = _written(job, database, ties, folder)
        rows = Rows(**splits, rejected=tally.rejected, duplicates=tally.duplicates)
        fault = judge(tally, splits, job.quality, job.split, rows)
        if fault is not None:
            fault.report = _published_report(job, folder / REPORT)
            raise fault
        card = DatasetCard(schema_=job.schema_, rows=rows, recipe=recipe(job))
        (folder / CARD).write_text(json.dumps(card.dump(), sort_keys=True) + "\n", encoding="utf-8")
        artifact = publish(folder, f"s3://{job.store.bucket}/{job.store.prefix}/datasets", job.store)
    log.info("%s: %s", artifact.digest, rows)
    return Prepared(artifact=artifact, rows=rows, report=artifact.uri + REPORT)


def recipe(job: PrepareDataset) -> str:
    """Return the digest of how rows are made.

    It leaves out the object's name, the store and the quality bounds, so that equal data has one digest everywhere, and
    fields at their defaults, so that later versions with more fields agree.
    """
    parts = {"schema_", "steps", "split"}
    return digest_of(
        job.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=parts)
    )


def _through_steps(
    job: PrepareDataset,
    found: tuple[RawFile, ...],
    database: sqlite3.Connection,
    tally: Tally,
    ties: Ties,
    write: Callable[[str], object],
) -> None:
    """Bring every row through the steps into the table, every other one into the report."""
    changes = list(_changes(job, database, tally, ties))
    for number, file in enumerate(found, start=1):
        for item in _read(file, job):
            for change in changes:
                if isinstance(item, Rejected):
                    break
                item = change(item)  # noqa: PLW2901 - the row as it stands after each step
            if isinstance(item, Rejected):
                tally.reject(item)
                write(item.line())
            else:
                content = json.dumps(item.content.dump(), ensure_ascii=False)
                database.execute("INSERT INTO rows VALUES (?, ?, ?)", (item.id, item.group, content))
                tally.kept += 1
            if tally.total % EVERY == 0:
                log.info("file %d of %d, %d rows kept, left out: %s", number, len(found), tally.kept, tally.breakdown())
    log.info("%d files read, %d rows kept, left out: %s", len(found), tally.kept, tally.breakdown())
    if tally.redacted:
        log.info("replaced: %s", ", ".join(f"{count} {kind}" for kind, count in sorted(tally.redacted.items())))


def _read(file: RawFile, job: PrepareDataset) -> Iterator[Row | Rejected]:
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


def _changes(job: PrepareDataset, database: sqlite3.Connection, tally: Tally, ties: Ties) -> Iterator[Change]:
    """Yield what each step after parse does with a row."""
    for number, step in enumerate(job.steps[1:], start=1):
        match step.chosen:
            case Filter() as bounds:
                yield partial(_filtered, bounds)
            case Redact(kinds=kinds):
                yield partial(_redacted, Redactor(kinds, tally.redacted))
            case Deduplicate() as wanted:
                yield partial(_unlike, seen(wanted, database, number), ties)
            case other:
                raise BadConfig("BadSteps", f"steps: {type(other).__name__} may not stand there, or is not known")


def _filtered(bounds: Filter, row: Row) -> Row | Rejected:
    length = len(row.content.trained)
    if length < bounds.min_characters:
        return Rejected(row.id, TOO_SHORT, f"{length} characters, filter.minCharacters is {bounds.min_characters}")
    if bounds.max_characters is not None and length > bounds.max_characters:
        return Rejected(row.id, TOO_LONG, f"{length} characters, filter.maxCharacters is {bounds.max_characters}")
    return row


def _redacted(redactor: Redactor, row: Row) -> Row:
    return Row(row.id, row.group, row.content.mapped(redactor))


def _unlike(memory: Seen, ties: Ties, row: Row) -> Row | Rejected:
    twin = memory.twin(row)
    if twin is None:
        return row
    # Groups that share a row mostly share more: in two splits, one would be trained on what the other tests.
    ties.tie(row.group, twin.group)
    return Rejected(row.id, DUPLICATE, f"{twin.similarity_percent} percent like {twin.id}")


def _written(job: PrepareDataset, database: sqlite3.Connection, ties: Ties, folder: Path) -> dict[str, int]:
    """Write every row of the table to its split's shards and return the number of rows of each split."""
    writers = {name: ShardWriter(folder / name, job.schema_) for name in SPLITS}
    for id, group, content in database.execute("SELECT id, grp, content FROM rows ORDER BY id"):
        name = ties.name(group)
        writers[place(name, job.split)].add(Row(id, name, _content(json.loads(content))))
    for writer in writers.values():
        writer.close()
    return {name: writer.count for name, writer in writers.items()}


def _content(columns: dict[str, Any]) -> Content:
    if "messages" in columns:
        return Chat(tuple(Message(m["role"], m["content"]) for m in columns["messages"]))
    return Completion(columns["prompt"], columns["completion"])


def _published_report(job: PrepareDataset, report: Path) -> str:
    """Upload the report of data that was refused and return its address; the refusal matters more than the report."""
    if not report.stat().st_size:
        return ""
    key = f"{job.store.prefix}/datasets/refused/{job.fingerprint().removeprefix('sha256:')}/{REPORT}"
    try:
        bucket = open_store(job.store)
        bucket.put(key, report)
    except PodError as error:
        log.warning("the report could not be kept: %s", error)
        return ""
    return bucket.uri(key)
