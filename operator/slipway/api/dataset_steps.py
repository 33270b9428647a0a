"""Which steps turn raw data into a Dataset's rows?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, OneOf, Rule, bounded

Spdx = Annotated[
    str,
    bounded(
        128,
        pattern=r"^[A-Za-z0-9.+()-]+( [A-Za-z0-9.+()-]+)*$",
        says="write a licence as SPDX names it, for example MIT or Apache-2.0",
    ),
]


class Parse(Model):
    """Turn files into rows. The first step of every Dataset."""

    format: Literal["BlenderPython", "BlueprintT3D", "JSONL", "Markdown", "Parquet"] = Field(
        alias="as",
        description="as names the reader. BlenderPython makes instruction pairs from the functions and classes of "
        "Python sources that use bpy, BlueprintT3D from Unreal Blueprint clipboard text, Markdown from the sections of "
        "documentation; JSONL reads one row of the schema per line, Parquet from the schema's columns.",
    )


class Filter(Model):
    """Reject rows by size. Lengths are in characters of the trained text."""

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


class Licence(Model):
    """Keep rows whose licence is allowed.

    A row's licence is its column `licence` or `license`; else the SPDX-License-Identifier of its Python or Markdown
    file (or `license` of the front matter); else that of the file of the same name and .license; else the licence files
    (LICENSE, LICENCE, COPYING) of the nearest folder that has any, all of them together. Source include patterns must
    let them through; they are not parsed.
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


class Redact(Model):
    """Replace private text by a placeholder that names its kind."""

    kinds: list[Literal["Secret", "Email", "IPAddress"]] = Field(
        min_length=1,
        max_length=3,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="kinds of text to replace: Secret (keys, tokens, passwords), Email, IPAddress.",
    )


class Deduplicate(Model):
    """Keep one of every group of equal or alike rows."""

    rules = (
        Rule(
            "self.method == 'MinHash' || self.similarityPercent == 85",
            "similarityPercent is used by MinHash only: set method to MinHash or leave similarityPercent out",
        ),
    )

    method: Literal["Exact", "MinHash"] = Field(
        default="Exact",
        description="method is Exact (equal but for white space) or MinHash (alike by the word shingles they share).",
    )
    similarity_percent: Annotated[int, Field(ge=50, le=100)] = Field(
        default=85,
        description="similarityPercent is the Jaccard similarity from which MinHash calls rows alike; Exact does not "
        "use it.",
    )


class Step(OneOf):
    """One step of preparation; exactly one member must be set."""

    parse: Parse | None = Field(default=None, description="parse turns files into rows.")
    filter: Filter | None = Field(default=None, description="filter rejects rows by size.")
    licence: Licence | None = Field(default=None, description="licence keeps rows whose licence is allowed.")
    redact: Redact | None = Field(default=None, description="redact replaces private text by a placeholder.")
    deduplicate: Deduplicate | None = Field(
        default=None, description="deduplicate keeps one row of every group of equal or alike rows."
    )
