"""How does a prepared dataset lie in the object store?

    train/00000.parquet …   validation/…   test/…     rows (see Row), zstd, sorted by row id
    dataset.json            DatasetCard
    rejected.jsonl          one line per rejected or dropped row: id, reason, message
    tokens/train/00000.parquet …                      where spec.render asks for them (see slipway.contract.tokens)
    exports/openai-chat/    files for hosted tuning, where spec.export asks for them: train.jsonl, validation.jsonl,
                            and left-out.jsonl (lines like those of rejected.jsonl)

The report (report.html, and report.json with a DatasetReport) names object, bounds and source. It lies beside the
dataset and is no part of it, so that equal data has one digest whoever prepared it:

    datasets/<digest>/                          the dataset
    datasets/reports/<job>/<digest>/            its report
    datasets/refused/<job>/                     report and rejected.jsonl of data that was refused

A Parquet row has the columns: id (string), group (string), messages (list of {role, content}) for Chat, or prompt and
completion (strings) for Completion, or prompt, chosen and rejected (lists of {role, content}) for Preference. Chat rows
train on assistant messages, Completion rows on the completion, Preference rows on both answers compared: chosen is what
the assistant should rather have said after prompt, rejected what it should not.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.dataset import Rows, Schema
from slipway.contract.tokens import Tokens

CARD = "dataset.json"
REJECTED = "rejected.jsonl"
REPORT_PAGE = "report.html"
REPORT_DATA = "report.json"
EXPORTS = "exports"
LEFT_OUT = "left-out.jsonl"
SPLITS = ("train", "validation", "test")
PREFERENCE: Literal["Preference"] = "Preference"


class Mixed(StatusModel):
    """A Dataset that gave rows to a mix, and how many of each split."""

    name: str
    digest: str
    weight: int | None = None
    rows: dict[str, int]


class DatasetCard(StatusModel):
    """What the dataset is, for its readers."""

    schema_: Schema = Field(alias="schema")
    rows: Rows
    recipe: str
    licences: dict[str, int] | None = None
    """Rows of each licence (SPDX; NOASSERTION where it is unknown), when a licence step looked at them."""
    categories: dict[str, int] | None = None
    """Rows of the hundred largest categories, when a balance step bounded them."""
    tokens: Tokens | None = None
    """Whose tokens lie beside the rows, where spec.render asks for them."""
    members: tuple[Mixed, ...] | None = None
    """What the rows were mixed from, where the source is datasets."""
