"""Which steps turn raw data into a Dataset's rows?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, OneOf, Rule


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
    redact: Redact | None = Field(default=None, description="redact replaces private text by a placeholder.")
    deduplicate: Deduplicate | None = Field(
        default=None, description="deduplicate keeps one row of every group of equal or alike rows."
    )
