"""What does each step after parse do with a row?"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from slipway.api.dataset_steps import Balance, Decontaminate, Deduplicate, Filter, Licence, Redact
from slipway.contract.job import PrepareDataset
from slipway_data.balance import Categories
from slipway_data.decontaminate import Decontaminator
from slipway_data.dedupe import Seen, seen
from slipway_data.filters import Filtered
from slipway_data.judge import Tally
from slipway_data.licence import Allowed
from slipway_data.raw import RawFile
from slipway_data.redact import Redactor
from slipway_data.rows import DUPLICATE, Rejected, Row
from slipway_data.split import Ties
from slipway_pod.errors import BadConfig

Change = Callable[[Row], Row | Rejected]


def changes(
    job: PrepareDataset, files: Sequence[RawFile], database: sqlite3.Connection, tally: Tally, ties: Ties
) -> Iterator[Change]:
    """Yield what each step after parse does with a row of one of `files`."""
    for number, step in enumerate(job.steps[1:], start=1):
        match step.chosen:
            case Filter() as wanted:
                yield Filtered(wanted, number)
            case Licence() as licences:
                yield Allowed(licences, number, files, database)
            case Decontaminate() as sets:
                yield Decontaminator(sets, number, job.store, job.schema_, database)
            case Redact(kinds=kinds):
                yield partial(_redacted, Redactor(kinds, tally.redacted))
            case Deduplicate() as method:
                yield partial(_unlike, seen(method, database, number), ties)
            case Balance() as bounds if number == len(job.steps) - 1:
                yield Categories(bounds, database)
            case other:
                raise BadConfig("BadSteps", f"steps: {type(other).__name__} may not stand there, or is not known")


def _redacted(redactor: Redactor, row: Row) -> Row:
    return replace(row, content=row.content.mapped(redactor))


def _unlike(memory: Seen, ties: Ties, row: Row) -> Row | Rejected:
    twin = memory.twin(row)
    if twin is None:
        return row
    # Groups that share a row mostly share more: in two splits, one would be trained on what the other tests.
    ties.tie(row.group, twin.group)
    said = f"{twin.similarity_percent} percent like {twin.id}"
    return Rejected(row.id, DUPLICATE, said, like=twin.id, similarity_percent=twin.similarity_percent)
