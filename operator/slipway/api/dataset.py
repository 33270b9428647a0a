"""What is a Dataset: raw data made checked, deduplicated, split and content-addressed?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from slipway.api.base import (
    Count,
    Digest,
    Message,
    Model,
    OneOf,
    Percent,
    Rule,
    Seconds,
    StatusModel,
    StoreUri,
    bounded,
)
from slipway.api.common import ArtifactStatus, Resources
from slipway.api.conditions import CONDITIONS, Condition

LISTED: dict[str, JsonValue] = {"x-kubernetes-list-type": "atomic"}

FileName = Annotated[
    str,
    bounded(128, pattern=r"^[A-Za-z0-9._-]+$", says="a file name has letters, digits, '.', '_' and '-' only"),
]
Schema = Literal["Chat", "Completion"]
DatasetState = Literal["Pending", "Preparing", "Ready", "Failed"]


class ObjectStoreSource(Model):
    """Files below one address of the object store."""

    uri: StoreUri = Field(description="uri is a file, or a prefix that ends in /, for example s3://raw/blueprints/.")
    include: list[Annotated[str, bounded(256)]] = Field(
        default=["**"],
        min_length=1,
        max_length=32,
        json_schema_extra=LISTED,
        description="include lists glob patterns relative to uri; a file must match one of them.",
    )


class InlineFile(Model):
    """A small file written in the spec."""

    name: FileName = Field(description="name of the file, unique in the list.")
    text: Annotated[str, bounded(262_144)] = Field(description="text is the file's content.")


class InlineSource(Model):
    """Files written in the spec itself."""

    files: list[InlineFile] = Field(
        min_length=1,
        max_length=64,
        description="files of the source. The whole object must stay below 1 MiB: larger data belongs in the object "
        "store.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class Source(OneOf):
    """Where raw data comes from; exactly one member must be set."""

    object_store: ObjectStoreSource | None = Field(
        default=None, description="objectStore reads files from the object store that the operator is configured with."
    )
    inline: InlineSource | None = Field(
        default=None, description="inline reads files written in this object, for small data and trials."
    )


class Parse(Model):
    """Turn files into rows. The first step of every Dataset."""

    format: Literal["BlueprintT3D", "JSONL"] = Field(
        alias="as",
        description="as names the reader. BlueprintT3D makes instruction pairs from Unreal Blueprint clipboard text; "
        "JSONL reads one row of the schema per line.",
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


class Split(Model):
    """How rows are divided.

    Rows of one group never land in two splits, and groups that share duplicates count as one. Adding rows moves no
    others, unless they tie two groups.
    """

    rules = (
        Rule("self.trainPercent > 0", "a Dataset without rows to train on is of no use: set trainPercent to 1 or more"),
        Rule(
            "self.trainPercent + self.validationPercent + self.testPercent == 100",
            "trainPercent, validationPercent and testPercent must add up to 100",
        ),
    )

    train_percent: Percent = Field(default=80, description="trainPercent of the groups go to train.")
    validation_percent: Percent = Field(default=10, description="validationPercent of the groups go to validation.")
    test_percent: Percent = Field(default=10, description="testPercent of the groups go to test.")
    group_by: Literal["File", "Row", "Project"] = Field(
        default="File",
        description="groupBy says which rows stay together: those of one File, of one Project (the row's project "
        "field, else "
        "its folder), or none (Row).",
    )
    salt: Annotated[str, bounded(64, minimum=0)] = Field(
        default="", description="salt changes which groups are drawn for which split; absent means none."
    )


class Quality(Model):
    """What the result must reach; otherwise the Dataset fails with the numbers."""

    min_rows: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        default=1, description="minRows is the smallest number of rows that must be kept, all splits together."
    )
    max_rejected_percent: Percent = Field(
        default=20, description="maxRejectedPercent is the largest share of parsed rows that may be rejected."
    )


class DatasetSpec(Model):
    """spec describes the data wanted.

    A change makes a new preparation run; a result with equal content keeps its digest.
    """

    rules = (
        Rule("has(self.steps[0].parse)", "the first step must be parse: put `- parse: {as: …}` at the top of steps"),
        Rule("self.steps.filter(s, has(s.parse)).size() == 1", "steps must have exactly one parse step"),
    )

    source: Source = Field(description="source says where raw data comes from; exactly one member must be set.")
    schema_: Schema = Field(
        alias="schema",
        description="schema of the rows: Chat (messages with role and content) or Completion (prompt and completion).",
    )
    steps: list[Step] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra=LISTED,
        description="steps of preparation, run in order; the first, and only the first, is parse.",
    )
    split: Split = Field(
        default=Split(), description="split divides rows into train, validation and test, stable as rows are added."
    )
    quality: Quality = Field(
        default=Quality(),
        description="quality is what the result must reach; otherwise the Dataset fails with the numbers.",
    )
    resources: Resources = Field(default=Resources(), description="resources of the preparation pod.")
    deadline_seconds: Annotated[Seconds, Field(ge=10)] = Field(
        default=3600, description="deadlineSeconds bounds one preparation run."
    )


class Rows(StatusModel):
    """Counts of rows."""

    train: Count = Field(default=0, description="train is the number of rows in the train split.")
    validation: Count = Field(default=0, description="validation is the number of rows in the validation split.")
    test: Count = Field(default=0, description="test is the number of rows in the test split.")
    rejected: Count = Field(
        default=0, description="rejected is the number of rows rejected, each with a reason in the report."
    )
    duplicates: Count = Field(default=0, description="duplicates is the number of rows dropped as equal or alike.")


class DatasetStatus(StatusModel):
    """status is what was observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description=CONDITIONS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: Count = Field(default=0, description="observedGeneration is the generation acted upon.")
    state: DatasetState = Field(default="Pending", description="state is a word for people, derived from conditions.")
    recipe: Digest | None = Field(default=None, description="recipe is the digest of the spec that made the artifact.")
    digest: Digest | None = Field(
        default=None, description="digest of the prepared data; equal input and spec give the equal digest."
    )
    artifact: ArtifactStatus | None = Field(
        default=None, description="artifact is the prepared data in the object store."
    )
    rows: Rows | None = Field(default=None, description="rows counts the rows of the last result.")
    report: StoreUri | None = Field(default=None, description="report lists every rejected row with its reason.")
    message: Message = Field(default="", description="message is the present situation in one sentence.")
