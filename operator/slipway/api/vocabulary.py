"""Which tokens does a run add to those of its base model?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Rule, bounded

Token = Annotated[
    str,
    bounded(
        128,
        pattern=r"^\S(.*\S)?$",
        says="a token is one line of text with no white space at its ends",
    ),
]


class LearnedTokens(Model):
    """Words of the train split that the base model's tokenizer cuts into pieces, those first that save most tokens."""

    count: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="count is the largest number of words that become tokens."
    )
    min_occurrences: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        default=20,
        description="minOccurrences is how often a word must be in the train split; of rarer ones little is learned.",
    )


class NewTokens(Model):
    """Tokens that the run adds to the vocabulary, so that the words of a trade are not spelt in pieces.

    The result is a complete model with its own tokenizer.
    """

    rules = (Rule("has(self.listed) || has(self.learned)", "newTokens is empty: set listed or learned"),)

    listed: list[Token] | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="listed are tokens as they stand in texts, for example K2Node_CallFunction.",
    )
    learned: LearnedTokens | None = Field(
        default=None, description="learned takes tokens from the train split, by how many tokens they save."
    )
