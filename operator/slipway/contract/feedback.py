"""In which form does what users said of answers lie in the object store?

    feedback/<namespace>/<model>/….jsonl        one FeedbackRecord a line, below the prefix of the operator's bucket

The application that talks to the users writes them: only it knows prompt and answer, for the serving pods count votes
and keep no text. Files may have any names and any number of lines, and may be added at any time.

A record's id names one person's word on one answer. A later record of the same id, in the order of file names and
lines, replaces it: people change their minds, and a delivery that is repeated counts once.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

from slipway.api.base import SemVer
from slipway.contract.job import Store


class Said(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    role: Literal["system", "user", "assistant"]
    content: str


class FeedbackRecord(BaseModel):
    """What one person said of one answer: a thumb, a rating, a correction, or several of them.

    `prompt` is the conversation up to the answer, `version` the version that answered (x-slipway-version of its
    response). `project` is the row's project, for split.groupBy Project. Other fields are no part of the record.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: Annotated[str, Field(min_length=1, max_length=256)]
    version: SemVer
    prompt: Annotated[tuple[Said, ...], Field(min_length=1, max_length=1024), FailFast()]
    """With its first fault only: all faults of a long line would fill the reader's memory."""
    answer: Annotated[str, Field(min_length=1)]
    thumb: Literal["up", "down"] | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    correction: str | None = None
    project: Annotated[str, Field(max_length=1024)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.thumb is None and self.rating is None and not (self.correction or "").strip():
            raise ValueError("it says nothing of the answer: set thumb, rating or correction")
        if not self.answer.strip():
            raise ValueError("answer is empty")
        if self.prompt[-1].role != "user":
            raise ValueError(f"the last message of prompt is by {self.prompt[-1].role}, not by user")
        if any(message.role == "system" for message in self.prompt[1:]):
            raise ValueError("only the first message of prompt may be by system")
        return self


def folder(store: Store, namespace: str, model: str) -> str:
    """Return the prefix below which the records on a model lie."""
    return f"s3://{store.bucket}/{store.prefix}/feedback/{namespace}/{model}/"
