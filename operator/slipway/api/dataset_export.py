"""Which files for hosted tuning can a Dataset write?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slipway.api.base import Count, StatusModel, StoreUri

HostedFormat = Literal["OpenAIChat", "BedrockClaude"]
"""Named by who takes the file and what its lines look like."""


class ExportStatus(StatusModel):
    """Files that were written for one vendor."""

    format: HostedFormat = Field(description="format names the vendor and the form of the lines.")
    uri: StoreUri = Field(
        description="uri is the folder of train.jsonl and validation.jsonl; the latter is there if it has rows."
    )
    train: Count = Field(default=0, description="train is the number of examples in train.jsonl.")
    validation: Count = Field(default=0, description="validation is the number of examples in validation.jsonl.")
    left_out: Count = Field(
        default=0, description="leftOut is the number of rows that the vendor would not take; the report says why."
    )
    tokens: Count = Field(
        default=0,
        description="tokens of train.jsonl: for OpenAIChat an upper bound (a token is at least one byte), for "
        "BedrockClaude the vendor's own estimate of three characters a token.",
    )
