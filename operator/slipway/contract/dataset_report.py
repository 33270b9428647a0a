"""What does the report of a prepared, or refused, Dataset tell? report.json is this; report.html shows it.

Texts come from the data and are hostile: they are made visible and cut, and whoever shows them must still escape them.
Messages of rejected rows never quote the data. But for how much of it was read anew (`reading`), equal input gives an
equal report: there is no time in it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.base import StatusModel
from slipway.api.dataset import Rows, Schema
from slipway.api.dataset_export import HostedFormat


class Example(StatusModel):
    """One row (or file) that was left out."""

    id: str
    message: str


class LeftOut(StatusModel):
    """Rows left out for one reason."""

    reason: str
    rows: int
    examples: tuple[Example, ...] = ()


class StepReport(StatusModel):
    """What a step let through. Rows in are what the step before let through; of parse, what the files held."""

    name: str
    settings: str
    """The step as in the spec, in JSON."""
    rows_in: int
    rows_out: int
    left_out: dict[str, int] = {}
    """Rows by the reason they were left out for."""
    added: int = 0
    """Rows that the step made; those that stay are among the rows out."""


class Alike(StatusModel):
    """A row that was dropped, and the kept one that it is like."""

    id: str
    like: str
    similarity_percent: int


class Bin(StatusModel):
    """Rows whose length, or score, is `at_least` or more, and less than `below`."""

    at_least: int
    below: int
    rows: int


class Lengths(StatusModel):
    """How long kept rows are, in characters, or, of Rendered, in tokens."""

    of: Literal["TrainedText", "WholeRow", "Tokens", "TrainedTokens"]
    smallest: int
    mean: int
    largest: int
    bins: tuple[Bin, ...]


class CutLinks(StatusModel):
    """Links of Blueprint pins that did not hold, as one end states them, and were cut; the rows are kept.

    MissingNode: the file has no such node that can be used, as where a selection was copied. MissingPin: the node has
    no such pin. OneSided: the other pin does not link back.
    """

    why: str
    links: int
    example: str
    """The id of the first row that had one."""


class Scores(StatusModel):
    """How good the rows are that a filter judged by their quality, of 100 points; whether it kept them or not."""

    step: int
    """Its number, parse being 0."""
    least: int
    """The points below which it rejects."""
    bins: tuple[Bin, ...]
    costs: dict[str, int] = {}
    """Rows by the part in which they lost most."""


class Group(StatusModel):
    """Rows that stay together, and their split."""

    name: str
    split: str
    rows: int


class Groups(StatusModel):
    """All groups, and the largest of them."""

    count: int
    largest: tuple[Group, ...]


class Licensed(StatusModel):
    """Rows under one licence, and the files that they come from."""

    licence: str
    """An SPDX expression; NONE where nobody states a licence, NOASSERTION where what is stated is no such expression.
    """
    rows: int
    files: int
    left_out: int = 0
    """Rows that a licence step left out."""
    example: str = ""
    """The id of a row that was kept."""


class Licences(StatusModel):
    """All licences, and those with the most rows."""

    count: int
    largest: tuple[Licensed, ...]


class Turn(StatusModel):
    """One text of a row: what a role says in a chat, or prompt or completion."""

    role: str
    text: str


class Sample(StatusModel):
    """A kept row, cut to what fits on a page."""

    category: str
    id: str
    turns: tuple[Turn, ...]


class Category(StatusModel):
    """Kept rows of one category, and some of these."""

    name: str
    """Empty where rows have none."""
    rows: int
    samples: tuple[Sample, ...] = ()


class Categories(StatusModel):
    """All categories, and those with the most rows."""

    by: str
    """What a category is: a folder, project or column that a balance step bounds; without one, what says most."""
    count: int
    largest: tuple[Category, ...]


class ExportedFile(StatusModel):
    """A file for hosted tuning. Of tokens, `counting` of the export says how they were counted."""

    path: str
    rows: int
    bytes: int
    tokens: int
    longest_tokens: int
    may_be_cut: int = 0
    """Examples that may have more tokens than the vendor trains on: it cuts their ends, if they have."""


class Exported(StatusModel):
    """What was written for one vendor, and which rows it would not take."""

    format: HostedFormat
    counting: Literal["UpperBound", "Estimate"]
    files: tuple[ExportedFile, ...]
    left_out: tuple[LeftOut, ...] = ()


class Rendered(StatusModel):
    """Rows as the tokens of one tokenizer, and what a run that cuts them to `max_tokens` will find."""

    tokenizer: str
    digest: str
    max_tokens: int
    tokens: int
    """Of all rows, whole."""
    trained: int
    """Of these, those that bear loss."""
    cut: int
    """Rows that are longer than `max_tokens`."""
    untrained: int
    """Rows of which no trained token is left then: a run leaves them out."""
    lengths: tuple[Lengths, ...]
    """In tokens, of whole rows."""
    cut_examples: tuple[str, ...] = ()
    """Ids of some rows that are cut."""
    untrained_examples: tuple[str, ...] = ()


class FilesRead(StatusModel):
    """How many files of the source were read this time, and of how many the rows were there already."""

    read: int
    kept: int
    damaged: int = 0
    """Of those that were read: files whose rows were kept, and were not as they were written, or gone."""
    fault: str = ""
    """Why no rows were kept or taken from some file on; empty where nothing went wrong."""


class Refusal(StatusModel):
    """Why the data is no dataset."""

    reason: str
    message: str
    example: str = ""


class DatasetReport(StatusModel):
    """Everything that happened to the data, in numbers and examples."""

    namespace: str
    name: str
    schema_: Schema = Field(alias="schema")
    source: str
    """The source as in the spec, in JSON; the texts of inline files are left out."""
    recipe: str
    digest: str | None = None
    """Of the published data; absent where it was refused."""
    refusal: Refusal | None = None
    files: int
    reading: FilesRead | None = None
    """Absent where no rows are kept. The one part that an equal input does not give again."""
    rows: Rows
    steps: tuple[StepReport, ...]
    left_out: tuple[LeftOut, ...] = ()
    duplicates: tuple[Alike, ...] = ()
    """A sample of the pairs; `rows.duplicates` counts all of them."""
    redacted: dict[str, int] = {}
    cut_links: tuple[CutLinks, ...] = ()
    scores: tuple[Scores, ...] = ()
    """Of each filter that asks for quality."""
    lengths: tuple[Lengths, ...] = ()
    groups: Groups | None = None
    """Absent where every row is a group of its own."""
    licences: Licences | None = None
    """Absent where rows come from other Datasets, whose reports tell it, or from what users said."""
    categories: Categories | None = None
    """Absent where no step balances rows, and nothing tells them apart."""
    samples: tuple[Sample, ...] = ()
    rendered: Rendered | None = None
    """Absent where nobody asked for tokens."""
    exports: tuple[Exported, ...] = ()
