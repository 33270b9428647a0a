"""Which steps turn raw data into a Dataset's rows?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, OneOf, Rule, StoreUri, bounded
from slipway.api.dataset_annotate import Annotate, Augment
from slipway.api.dataset_redact import OwnWords
from slipway.api.dataset_semantic import Semantic

Spdx = Annotated[
    str,
    bounded(
        128,
        pattern=r"^[A-Za-z0-9.+()-]+( [A-Za-z0-9.+()-]+)*$",
        says="write a licence as SPDX names it, for example MIT or Apache-2.0",
    ),
]
Language = Annotated[
    str,
    bounded(16, pattern=r"^[a-z]{2,3}$", says="write a language by its code in ISO 639, for example en or de"),
]
Column = Annotated[
    str,
    bounded(
        64,
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
        says="a column's name begins with a letter or '_' and has letters, digits, '_' and '-' only",
    ),
]


class Parse(Model):
    """Turn files into rows. The first step of every Dataset."""

    format: Literal["Blend", "BlenderPython", "BlueprintT3D", "Dataset", "Feedback", "JSONL", "Markdown", "Parquet"] = (
        Field(
            alias="as",
            description="as names the reader. BlenderPython makes instruction pairs from the functions and classes of "
            "Python sources that use bpy, BlueprintT3D from Unreal Blueprint clipboard text, Markdown from sections of "
            "documentation, Blend from the materials, objects, modifiers, constraints, node groups and collections of "
            ".blend files, which Blender reads in a container of its own; JSONL reads one row of the schema per line, "
            "Parquet from the schema's columns. Dataset reads the rows of source.datasets, Feedback the records of "
            "source.feedback.",
        )
    )


class Filter(Model):
    """Reject rows by size, shape, quality and language. All but the language are those of the trained text."""

    rules = (
        Rule(
            "!has(self.maxCharacters) || self.minCharacters <= self.maxCharacters",
            "nothing can pass, for minCharacters is above maxCharacters: lower the one or raise the other",
        ),
    )

    min_characters: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        default=0, description="minCharacters rejects rows with fewer characters; 0 keeps them all."
    )
    max_characters: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="maxCharacters rejects rows with more characters; absent keeps them all."
    )
    max_line_characters: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None,
        description="maxLineCharacters rejects rows with a longer line, which are mostly data rather than text; absent "
        "keeps them all.",
    )
    min_alphanumeric_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="minAlphanumericPercent rejects rows in which fewer of the characters, white space left out, are "
        "letters or digits; absent keeps them all.",
    )
    min_quality_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="minQualityPercent rejects rows whose trained text scores lower, of 100 points less what is the "
        "matter with it: lines and words that come again, symbols, lines without an end, words too short, too long or "
        "without letters; of code, lines and words that come again, encoded data, few letters. The report has a "
        "histogram of the scores. Absent keeps them all.",
    )
    languages: list[Language] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="languages lists the natural languages wanted (ISO 639 codes, for example en). A row is rejected "
        "when prompt and answer together are told to be in another one; code, numbers and texts too short to tell "
        "pass. Absent keeps all languages.",
    )


class Licence(Model):
    """Keep rows whose licence is allowed.

    A row's licence is its column `licence` or `license`; else the SPDX-License-Identifier of its Python or Markdown
    file (or `license` of the front matter); else that of the file of the same name and .license; else the licence files
    (LICENSE, LICENCE, COPYING) of the nearest folder that has any, all of them together. Source include patterns must
    let them through; they are not parsed. Source github brings them by itself, and tells what GitHub states of a
    repository where they are silent.
    """

    allow: list[Spdx] = Field(
        min_length=1,
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="allow lists SPDX licences. `A OR B` passes when one is allowed, `A AND B` when both are; an entry "
        "may be an expression, which passes as a whole.",
    )
    unknown: Literal["Reject", "Keep"] = Field(
        default="Reject", description="unknown says what becomes of rows of which no licence is known."
    )


class Decontaminate(Model):
    """Reject rows that share a run of words with an evaluation set, which they would give away."""

    against: list[StoreUri] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="against lists evaluation sets in the object store: JSON lines of the Dataset's schema (Chat, "
        "where that is Preference), as files "
        "or as prefixes that end in / (all files *.jsonl below them).",
    )
    words: Annotated[int, Field(ge=8, le=64)] = Field(
        default=13,
        description="words of a run; case and punctuation make no difference. Items of 8 words or more, but fewer than "
        "words, are looked for whole; shorter ones are given away by an equal row only.",
    )
    shared_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="sharedPercent rejects a row only when it has this share of an item's runs; absent means that one "
        "run is enough.",
    )


class Redact(Model):
    """Replace private text by a placeholder that names its kind."""

    rules = (
        Rule("has(self.kinds) || has(self.own)", "redact replaces nothing: set kinds, own or both"),
        Rule(
            "!has(self.own) || self.own.all(o, !(o.name in ['Secret', 'Email', 'IPAddress', 'Phone', 'IBAN', 'Card']))",
            "own has a kind with the name of one that is known without: give it another name",
            field_path=".own",
        ),
    )

    kinds: list[Literal["Secret", "Email", "IPAddress", "Phone", "IBAN", "Card"]] | None = Field(
        default=None,
        min_length=1,
        max_length=6,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="kinds of text to replace: Secret (keys, tokens, passwords), Email, IPAddress, Phone (telephone "
        "numbers that begin with + and the code of a country), IBAN (bank accounts) and Card (payment cards).",
    )
    own: list[OwnWords] | None = Field(
        default=None,
        min_length=1,
        max_length=4,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="own lists words of yours that are private, by kinds that you name: people, customers, projects. "
        "They are replaced after the other kinds.",
    )


class Deduplicate(Model):
    """Keep one of every group of equal or alike rows."""

    rules = (
        Rule(
            "self.method == 'MinHash' || self.similarityPercent == 85",
            "similarityPercent is used by MinHash only: set method to MinHash or leave similarityPercent out (Semantic "
            "has its own below semantic)",
        ),
        Rule(
            "(self.method == 'Semantic') == has(self.semantic)",
            "semantic names the model that tells what rows mean, for method Semantic and no other: set both or none",
        ),
    )

    method: Literal["Exact", "MinHash", "Semantic"] = Field(
        default="Exact",
        description="method is Exact (equal but for white space), MinHash (alike by the word shingles they share) or "
        "Semantic (alike in meaning, by the embeddings of a model).",
    )
    similarity_percent: Annotated[int, Field(ge=50, le=100)] = Field(
        default=85,
        description="similarityPercent is the Jaccard similarity from which MinHash calls rows alike; Exact does not "
        "use it.",
    )
    semantic: Semantic | None = Field(
        default=None, description="semantic says which model tells what rows mean, when method is Semantic."
    )


class Balance(Model):
    """Bound how many rows a category may have, so that none drowns the others.

    Which rows stay is drawn by their content, so it is the same each time. It counts what the other steps keep, and is
    the last one.
    """

    rules = (
        Rule("has(self.maxRows) || has(self.maxPercent)", "balance bounds nothing: set maxRows, maxPercent or both"),
        Rule(
            "(self.by == 'Column') == has(self.column)",
            "column names the category when by is Column, and only then: set both or none",
        ),
    )

    by: Literal["Folder", "Project", "Column"] = Field(
        default="Folder",
        description="by says what a row's category is: the Folder of its file, its Project (the row's project field, "
        "else its folder), or a Column of JSONL and Parquet rows. Rows without the column are one category.",
    )
    column: Column | None = Field(default=None, description="column is the name of the column when by is Column.")
    max_rows: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="maxRows is the largest number of rows that a category keeps."
    )
    max_percent: Annotated[int, Field(ge=1, le=99)] | None = Field(
        default=None,
        description="maxPercent is the largest share that a category may have of all rows kept. With too few "
        "categories for it, the Dataset fails.",
    )


class Step(OneOf):
    """One step of preparation; exactly one member must be set."""

    parse: Parse | None = Field(default=None, description="parse turns files into rows.")
    filter: Filter | None = Field(default=None, description="filter rejects rows by size, shape, quality and language.")
    licence: Licence | None = Field(default=None, description="licence keeps rows whose licence is allowed.")
    decontaminate: Decontaminate | None = Field(
        default=None, description="decontaminate rejects rows that share a run of words with an evaluation set."
    )
    redact: Redact | None = Field(default=None, description="redact replaces private text by a placeholder.")
    annotate: Annotate | None = Field(
        default=None, description="annotate writes a part of every row anew, from a template or by a language model."
    )
    augment: Augment | None = Field(
        default=None, description="augment adds rows to train on: copies of which a part is written anew."
    )
    deduplicate: Deduplicate | None = Field(
        default=None, description="deduplicate keeps one row of every group of equal or alike rows."
    )
    balance: Balance | None = Field(
        default=None, description="balance bounds how many rows a category may have; it is the last step."
    )
