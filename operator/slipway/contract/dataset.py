"""How does a prepared dataset lie in the object store?

    train/00000.parquet …   validation/…   test/…     rows (see Row), zstd, sorted by row id
    dataset.json            DatasetCard
    report.jsonl            one line per rejected or dropped row: id, reason, message

A Parquet row has the columns: id (string), group (string), messages (list of {role, content}) for Chat, or prompt and
completion (strings) for Completion. Chat rows train on assistant messages, Completion rows on the completion.
"""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.dataset import Rows, Schema

CARD = "dataset.json"
REPORT = "report.jsonl"
SPLITS = ("train", "validation", "test")


class DatasetCard(StatusModel):
    """What the dataset is, for its readers."""

    schema_: Schema = Field(alias="schema")
    rows: Rows
    recipe: str
    licences: dict[str, int] | None = None
    """Rows of each licence (SPDX; NOASSERTION where it is unknown), when a licence step looked at them."""
    categories: dict[str, int] | None = None
    """Rows of the hundred largest categories, when a balance step bounded them."""
