"""What is a Dataset: raw data made checked, deduplicated, split and content-addressed?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import (
    LISTED,
    Count,
    Digest,
    Message,
    Model,
    Percent,
    Rule,
    Seconds,
    StatusModel,
    StoreUri,
    bounded,
)
from slipway.api.common import ArtifactStatus, Resources
from slipway.api.conditions import DATASET_CONDITIONS, Condition
from slipway.api.dataset_engine import ENGINE_RULE, Engine
from slipway.api.dataset_export import ExportStatus, HostedFormat
from slipway.api.dataset_mix import MemberStatus
from slipway.api.dataset_parsed_rows import PARSED_ROWS_RULE, ParsedRows
from slipway.api.dataset_refresh import Refresh, SourceStatus
from slipway.api.dataset_render import Render
from slipway.api.dataset_source import Source
from slipway.api.dataset_steps import Step
from slipway.api.pod import PodOptions
from slipway.api.queueing import Queue

Schema = Literal["Chat", "Completion", "Preference"]
DatasetState = Literal["Pending", "Preparing", "Ready", "Failed"]


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


_READ_AS = "!has(self.steps[0].parse) || "
_MIXED = "!has(self.source.datasets) || "
SOURCE_RULES = (
    Rule(
        f"{_READ_AS}(self.steps[0].parse.__as__ == 'Dataset') == has(self.source.datasets)",
        "rows of other Datasets are read as Dataset, and nothing else is: set source.datasets and "
        "`- parse: {as: Dataset}`, or neither",
    ),
    Rule(
        f"{_READ_AS}(self.steps[0].parse.__as__ == 'Feedback') == has(self.source.feedback)",
        "what users said is read as Feedback, and nothing else is: set source.feedback and "
        "`- parse: {as: Feedback}`, or neither",
    ),
    Rule(
        "self.schema != 'Completion' || !has(self.source.feedback)",
        "feedback is on conversations: set schema to Chat or Preference",
    ),
    Rule(
        f"self.schema != 'Preference' || {_READ_AS}"
        "self.steps[0].parse.__as__ in ['Dataset', 'Feedback', 'JSONL', 'Parquet']",
        "files of this format prefer nothing: set schema to Chat or Completion, or parse JSONL, Parquet, Feedback or "
        "Dataset",
    ),
    Rule(
        "self.schema != 'Preference' || !has(self.export) || self.export.size() == 0",
        "no vendor takes preferences in these formats: leave export out, or set schema to Chat or Completion",
    ),
    Rule(
        "self.schema != 'Preference' || !has(self.render)",
        "preferences are made tokens by the run that learns from them: leave render out, or set schema to Chat or "
        "Completion",
    ),
    Rule(
        f"{_MIXED}!has(self.split) || (self.split.trainPercent == 80 && self.split.validationPercent == 10 && "
        "self.split.testPercent == 10 && self.split.groupBy == 'File' && (!has(self.split.salt) || "
        "self.split.salt == ''))",
        "rows of other Datasets stay in the splits that they have there: leave split out",
    ),
    Rule(
        f"{_MIXED}!self.steps.exists(s, has(s.licence) || has(s.balance))",
        "prepared rows have neither licence nor category any more: give these steps to the members, and shares by "
        "members[].weight",
    ),
    Rule(
        "self.schema != 'Completion' || !self.steps.exists(s, has(s.annotate) && s.annotate.write == 'System' || "
        "has(s.augment) && s.augment.write == 'System')",
        "rows of schema Completion have no system message: write Prompt or Answer, or set schema to Chat",
    ),
    Rule(
        "self.schema != 'Preference' || !self.steps.exists(s, has(s.annotate) && s.annotate.write == 'Answer' || "
        "has(s.augment) && s.augment.write == 'Answer')",
        "a preference has two answers: write Prompt or System",
    ),
)
"""Which source, reader, schema and steps go together."""


class DatasetSpec(Model):
    """spec describes the data wanted.

    A change makes a new preparation run; a result with equal content keeps its digest.
    """

    rules = (
        Rule("has(self.steps[0].parse)", "the first step must be parse: put `- parse: {as: …}` at the top of steps"),
        Rule("self.steps.filter(s, has(s.parse)).size() == 1", "steps must have exactly one parse step"),
        Rule(
            "self.steps.filter(s, has(s.balance)).size() <= (has(self.steps[self.steps.size() - 1].balance) ? 1 : 0)",
            "balance counts the rows that all other steps keep: make it the last step, and have only one",
        ),
        Rule(
            "!self.steps.exists(s, has(s.balance) && has(s.balance.column)) || !has(self.steps[0].parse) || "
            "self.steps[0].parse.__as__ in ['JSONL', 'Parquet']",
            "rows read as this have no columns to balance by: set balance.by to Folder or Project, or parse JSONL or "
            "Parquet",
        ),
        ENGINE_RULE,
        Rule(
            "!has(self.refresh) || !(has(self.source.inline) || has(self.source.http) || has(self.source.datasets)) || "
            "self.steps.exists(s, has(s.decontaminate))",
            "nothing can change but what spec says, or a member, and that is prepared at once: leave refresh out with "
            "source inline, http (each file has its sha256) and datasets, unless a decontaminate step reads sets",
        ),
        PARSED_ROWS_RULE,
        *SOURCE_RULES,
    )

    source: Source = Field(description="source says where raw data comes from; exactly one member must be set.")
    schema_: Schema = Field(
        alias="schema",
        description="schema of the rows: Chat (messages with role and content), Completion (prompt and completion), or "
        "Preference (a prompt, the answer chosen and the one rejected, each a list of messages).",
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
    export: list[HostedFormat] = Field(
        default=[],
        max_length=2,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="export lists files for hosted tuning to write beside the shards: OpenAIChat (OpenAI and what "
        "takes its chat format) or BedrockClaude (Anthropic models on Amazon Bedrock). Rows that the vendor would not "
        "take are left out of its files; a file that it would not take fails the Dataset. The test split is never "
        "exported.",
    )
    render: Render | None = Field(
        default=None,
        description="render makes tokens of the rows once, for runs whose base model has this tokenizer; absent leaves "
        "it to each run.",
    )
    engine: Engine | None = Field(
        default=None,
        description="engine does the heavy steps; absent means that the preparation pod does them, on as many cores as "
        "resources.cpu says.",
    )
    refresh: Refresh | None = Field(
        default=None,
        description="refresh looks regularly whether the source changed; absent looks only when annotation "
        "slipway.dev/refresh is set to a new value.",
    )
    parsed_rows: ParsedRows = Field(
        default=ParsedRows(),
        description="parsedRows says whether rows are kept as they were read, so that only files that changed are read "
        "again.",
    )
    resources: Resources = Field(default=Resources(), description="resources of the preparation pod.")
    pod: PodOptions | None = Field(
        default=None, description="pod gives the preparation pod its priority, its place and its surroundings."
    )
    queue: Queue | None = Field(
        default=None, description="queue of Kueue in which the Job waits for its turn; absent means that it does not."
    )
    deadline_seconds: Annotated[Seconds, Field(ge=10)] = Field(
        default=3600,
        description="deadlineSeconds bounds one preparation run; time in a queue does not count.",
    )
    ttl_seconds_after_finished: Seconds | None = Field(
        default=None,
        description="ttlSecondsAfterFinished deletes the Job and its pods that long after the data is Ready; absent "
        "keeps them. Those of a run that failed stay: to delete them is to try again.",
    )


class Rows(StatusModel):
    """Counts of rows."""

    train: Count = Field(default=0, description="train is the number of rows in the train split.")
    validation: Count = Field(default=0, description="validation is the number of rows in the validation split.")
    test: Count = Field(default=0, description="test is the number of rows in the test split.")
    rejected: Count = Field(
        default=0, description="rejected is the number of rows rejected, each with its reason in rejected.jsonl."
    )
    duplicates: Count = Field(default=0, description="duplicates is the number of rows dropped as equal or alike.")


class DatasetStatus(StatusModel):
    """status is what was observed."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description=DATASET_CONDITIONS,
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
    revision: Annotated[str, bounded(64)] | None = Field(
        default=None, description="revision is the commit that the data was read from, where its source is git."
    )
    members: list[MemberStatus] | None = Field(
        default=None,
        max_length=16,
        description="members are the Datasets that the data was mixed from, where its source is datasets.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    source: SourceStatus | None = Field(
        default=None, description="source is what the data was made from, and when that was last looked at."
    )
    report: StoreUri | None = Field(
        default=None,
        description="report is the address of the page that tells what became of the data: rows in and out of every "
        "step, reasons, duplicates, lengths, samples. report.json beside it is the same for programs. "
        "Every rejected row is in rejected.jsonl: in the artifact, or, of refused data, beside the report.",
    )
    exports: list[ExportStatus] | None = Field(
        default=None,
        max_length=2,
        description="exports tells where the files for hosted tuning lie.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["format"]},
    )
    message: Message = Field(default="", description="message is the present situation in one sentence.")
