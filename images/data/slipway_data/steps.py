"""What does each step after parse do with a row?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from slipway.api.dataset_annotate import Annotate, Augment
from slipway.api.dataset_semantic import Semantic
from slipway.api.dataset_steps import Balance, Decontaminate, Deduplicate, Filter, Licence, Redact
from slipway.contract.job import PrepareDataset
from slipway_data import alone
from slipway_data.alone import Change
from slipway_data.annotate import FromTemplate
from slipway_data.answers import FromModel
from slipway_data.augment import Variants
from slipway_data.balance import Categories
from slipway_data.decontaminate import Decontaminator
from slipway_data.dedupe import Seen, duplicate, seen
from slipway_data.judge import Tally
from slipway_data.licence import Allowed, Licences
from slipway_data.mix import Mix
from slipway_data.rows import Rejected, Row
from slipway_data.semantic import Meanings
from slipway_data.split import Ties
from slipway_pod.errors import BadConfig

Stage = FromModel | Meanings | Variants
"""A step that gives each row back later, or more rows than it got."""


def changes(
    job: PrepareDataset,
    licences: Licences,
    database: sqlite3.Connection,
    tally: Tally,
    ties: Ties,
    done: int = 0,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Change | Stage]:
    """Yield what each step does with a row, whose licence `licences` tell, and last, in a mix, what the mix does.

    Left out are parse and the `done` steps after it, which were done ahead. `environment` has the values of the Secrets
    that steps name (see slipway.contract.source).
    """
    for number, step in list(enumerate(job.steps))[1 + done :]:
        match step.chosen:
            case Filter() | Redact() as judged:
                yield alone.change(judged, number, tally.counts)
            case Licence() as allowed:
                yield Allowed(allowed, number, licences, database)
            case Decontaminate() as sets:
                yield Decontaminator(sets, number, job.store, job.schema_, database)
            case Deduplicate(semantic=Semantic() as asked):
                yield Meanings(asked, number, job.store, database, ties, environment)
            case Deduplicate() as method:
                yield partial(_unlike, seen(method, database, number), ties)
            case Augment(language_model=None) as more:
                yield Variants(FromTemplate(more, number), more.variants)
            case Annotate(language_model=None) as wanted:
                yield FromTemplate(wanted, number)
            case Annotate() as wanted:
                yield FromModel(wanted, number, job.store, database, environment)
            case Balance() as bounds if number == len(job.steps) - 1:
                yield Categories(bounds, database)
            case other:
                raise BadConfig("BadSteps", f"steps: {type(other).__name__} may not stand there, or is not known")
    if job.members:
        yield Mix(database)


def _unlike(memory: Seen, ties: Ties, row: Row) -> Row | Rejected:
    twin = memory.twin(row, row.drawn)
    return replace(row, drawn=None) if twin is None else duplicate(row, twin, ties)
