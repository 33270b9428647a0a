"""How does a PrepareDataset job go from raw files to a published dataset? Read top to bottom."""

from __future__ import annotations

import json
import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

from pydantic_core import from_json, to_json

from slipway.api.dataset import Rows, Split
from slipway.api.dataset_engine import Engine
from slipway.api.dataset_refresh import Inputs
from slipway.contract.artifact import digest_of
from slipway.contract.dataset import CARD, REJECTED, SPLITS, DatasetCard
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared, Unchanged
from slipway_data import ahead, augment, balance, blends, licence, mix, on_ray, parse
from slipway_data.alone import Change, Done, Work
from slipway_data.counts import Counts
from slipway_data.export.exports import Exports
from slipway_data.inputs import inputs
from slipway_data.judge import Tally, judge
from slipway_data.look import looked
from slipway_data.render import Rendering
from slipway_data.report import build
from slipway_data.report import files as reports
from slipway_data.report.categories import rows_by_category
from slipway_data.report.funnel import Funnel
from slipway_data.report.kept import Kept, groups
from slipway_data.report.licences import rows_by_licence
from slipway_data.reuse import kept as reuse
from slipway_data.reuse.kept import KeptRows
from slipway_data.rows import REPEATED_ID, Rejected, Row, content_of
from slipway_data.shards import ShardWriter
from slipway_data.sources.origin import Origin
from slipway_data.split import Ties, place
from slipway_data.steps import Stage, changes
from slipway_pod.artifact import publish
from slipway_pod.errors import BadData

log = logging.getLogger("slipway")

EVERY = 5_000
"""Rows between two lines of progress."""
COLUMNS = (
    "id TEXT PRIMARY KEY, grp TEXT, content TEXT, split TEXT, added INTEGER, path TEXT, licence TEXT, project TEXT"
)
"""Of the table of rows."""
OF_A_MIX = Split(train_percent=100, validation_percent=0, test_percent=0)
"""What a mix must have: rows to train on. Whether it has others is its members' matter."""


def prepare(job: PrepareDataset) -> Prepared | Unchanged:
    """Read, check, clean, split and publish the data that `job` describes, unless it is published and nothing changed.

    Raises as `made` does.
    """
    origin = blends.described() if blends.asked_for(job.steps) else looked(job)
    return origin if isinstance(origin, Unchanged) else made(job, origin)


def made(job: PrepareDataset, origin: Origin) -> Prepared:
    """Make the data that `job` describes from `origin`.

    Rows stream through the steps one by one, in the order of file paths, into a table on disk; the shards are written
    from it, sorted by row id. Raises BadData when the result is no dataset (see judge), or when a vendor would not take
    a file that was asked for; it tells from what, so that nobody tries the same again. The report is made either way.
    """
    made_from = inputs(origin, job)
    again = reuse.opened(job, origin.files, parse.columns(job.steps))
    try:
        return _made(job, origin, made_from, again)
    except BadData as fault:
        fault.inputs = made_from
        blends.settle(job, published=False)
        raise
    finally:
        again.leave()


def _made(job: PrepareDataset, origin: Origin, made_from: Inputs, again: KeptRows) -> Prepared:
    found = origin.files
    log.info("%d files", len(found))
    with tempfile.TemporaryDirectory(prefix="prepare-") as scratch:
        work = Path(scratch)
        folder = work / "dataset"
        folder.mkdir()
        tally, ties = Tally(files=len(found)), Ties()
        funnel, kept, exports = Funnel(job.steps, job.members), Kept(SPLITS), Exports(job.export, folder)
        rendering = None if job.render is None else Rendering(job.render, job.schema_, job.store, work, folder)
        with closing(sqlite3.connect(work / "rows.sqlite")) as database:
            database.execute("PRAGMA journal_mode=OFF")
            database.execute("PRAGMA synchronous=OFF")
            database.execute(f"CREATE TABLE rows ({COLUMNS}) WITHOUT ROWID")
            with (folder / REJECTED).open("w", encoding="utf-8") as rejected:
                _through_steps(job, origin, database, tally, ties, funnel, rejected.write, again)
            splits = _written(job, database, ties, folder, kept, exports, rendering)
            grouped = None if job.members else groups(database, ties, job.split)
            licences = licence.counted(database, job.steps)
            licensed = rows_by_licence(job.source, database)
            categories = balance.counted(balance.asked_for(job.steps), database)
            shown = rows_by_category(balance.asked_for(job.steps), database, mixed=bool(job.members))
            mixed = mix.told(job.members, database)
        rows = Rows(**splits, rejected=tally.rejected, duplicates=tally.duplicates)
        made = recipe(job)
        rendered = None if rendering is None else rendering.report()
        reading = blends.report(job) or again.report
        seen = (kept, grouped, licensed, shown, tally.counts)
        report = build.built(job, made, len(found), rows, funnel, *seen, rendered, exports.reports(), reading)
        split = OF_A_MIX if job.members else job.split
        fault = judge(tally, splits, job.quality, split, rows, report.steps) or exports.fault(rows)
        if fault is None and rendering is not None:
            fault = rendering.fault(rows)
        if fault is not None:
            fault.report = reports.publish_refused(job, build.refused(report, fault), folder / REJECTED)
            raise fault
        card = DatasetCard(
            schema_=job.schema_,
            rows=rows,
            recipe=made,
            licences=licences,
            categories=categories,
            tokens=None if rendering is None else rendering.card(),
            members=mixed,
        )
        (folder / CARD).write_text(json.dumps(card.dump(), sort_keys=True) + "\n", encoding="utf-8")
        artifact = publish(folder, f"s3://{job.store.bucket}/{job.store.prefix}/datasets", job.store)
        # After the dataset, whose digest it tells; a run that dies between the two is repeated and finds it published.
        page = reports.publish(job, build.published(report, artifact.digest), artifact.digest)
    origin.done()
    again.settle()
    blends.settle(job)
    log.info("%s: %s", artifact.digest, rows)
    sent = exports.statuses(artifact) or None
    return Prepared(artifact=artifact, rows=rows, report=page, exports=sent, revision=origin.revision, inputs=made_from)


def recipe(job: PrepareDataset) -> str:
    """Return the digest of how rows are made.

    It leaves out the object's name, the store, the quality bounds and where a tokenizer lies (the card has its digest),
    so that equal data has one digest everywhere, and fields at their defaults, so that later versions with more fields
    agree.
    """
    parts = {"schema_", "steps", "split", "export"}
    return digest_of(
        job.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=parts)
    )


def _done(
    items: Iterable[ahead.Numbered], work: Work, counts: Counts, engine: Engine | None
) -> Iterator[tuple[int, Done]]:
    """Yield what becomes of each row that is looked at alone: by the cluster where there is one, else here."""
    if engine is not None and engine.ray is not None:
        return on_ray.done(items, work, counts, engine.ray)
    return ahead.done(items, work, counts, ahead.cores())


def _through_steps(
    job: PrepareDataset,
    origin: Origin,
    database: sqlite3.Connection,
    tally: Tally,
    ties: Ties,
    funnel: Funnel,
    write: Callable[[str], object],
    again: KeptRows,
) -> None:
    """Bring every row through the steps into the table, and write the others down."""
    work, found = replace(Work.of(job.steps), tells=again.after_steps), origin.files
    licences = licence.Licences(found, database, origin.licences)
    through = list(changes(job, licences, database, tally, ties, len(work.steps)))

    def left_out(step: int, entry: Rejected) -> None:
        tally.reject(entry)
        funnel.stopped(step, entry)
        write(entry.line())

    items = chain(((0, entry) for entry in origin.left_out), parse.everything(found, job, database, again))
    stream = again.passing(_done(items, work, tally.counts, job.engine))
    for step, change in enumerate(through, start=1 + len(work.steps)):
        stream = change.stage(stream, step) if isinstance(change, Stage) else _each(stream, step, change)
    for number, done in stream:
        funnel.added(done.added)
        if isinstance(done.item, Rejected):
            left_out(done.step, done.item)
        else:
            row, content = done.item, to_json(done.item.content.dump()).decode()
            values = (row.id, row.group, content, row.split, done.added, row.path, licences.named(row), row.project)
            if database.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).rowcount:
                tally.kept += 1
            else:
                left_out(done.step, Rejected(row.id, REPEATED_ID, "a row before it has the same id: name them apart"))
        if tally.total % EVERY == 0:
            log.info("file %d of %d, %d rows kept, left out: %s", number, len(found), tally.kept, tally.breakdown())
    for step, entry in augment.not_for_training(database, ties, job.split):
        tally.kept -= 1
        left_out(step, entry)
    if (bounds := balance.asked_for(job.steps)) is not None:
        for entry in balance.surplus(bounds, database):
            tally.kept -= 1
            left_out(len(job.steps) - 1, entry)  # a rule of the API: it is the last step
    for entry in mix.surplus(job.members, database):
        tally.kept -= 1
        left_out(len(job.steps), entry)
    log.info("%d files read, %d rows kept, left out: %s", len(found), tally.kept, tally.breakdown())
    if replaced := tally.counts.replaced:
        log.info("replaced: %s", ", ".join(f"{count} {kind}" for kind, count in sorted(replaced.items())))


def _each(items: Iterator[tuple[int, Done]], step: int, change: Change) -> Iterator[tuple[int, Done]]:
    """Yield `items`, each row as `change`, the `step`th of its job, leaves it."""
    for number, done in items:
        yield number, done if isinstance(done.item, Rejected) else Done(change(done.item), step, done.added)


def _written(
    job: PrepareDataset,
    database: sqlite3.Connection,
    ties: Ties,
    folder: Path,
    kept: Kept,
    exports: Exports,
    rendering: Rendering | None,
) -> dict[str, int]:
    """Write every row of the table to its split's shards, tokens and exports; return the rows of each split."""
    writers = {name: ShardWriter(folder / name, job.schema_) for name in SPLITS}
    for id, group, content, fixed in database.execute("SELECT id, grp, content, split FROM rows ORDER BY id"):
        name = ties.name(group)
        split, row = fixed or place(name, job.split), Row(id, name, content_of(from_json(content)))
        writers[split].write(row)
        kept.add(split, row)
        exports.add(split, row)
        if rendering is not None:
            rendering.add(split, row)
    for writer in writers.values():
        writer.close()
    exports.close()
    if rendering is not None:
        rendering.close()
    return {name: writer.count for name, writer in writers.items()}
