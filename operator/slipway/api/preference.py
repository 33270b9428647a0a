"""How are people asked which of two models answers better?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Rule

MOST_PAIRS = 500
MOST_RATERS = 20


class HumanPreference(Model):
    """The share of pairs of answers in which people prefer the version's, without knowing whose is which."""

    rules = (
        Rule(
            "self.minRated <= self.maxExamples",
            "nobody can rate more pairs than the sheet has: raise maxExamples or lower minRated",
        ),
    )

    max_examples: Annotated[int, Field(ge=5, le=MOST_PAIRS)] = Field(
        default=40, description="maxExamples bounds the pairs on the sheet; prompts are chosen by hash, as ever."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = Field(
        default=512, description="maxNewTokens bounds each answer, which is the likeliest one."
    )
    min_rated: Annotated[int, Field(ge=5, le=MOST_PAIRS)] = Field(
        default=20, description="minRated is how many pairs must have been rated before there is a verdict."
    )
    raters: Annotated[int, Field(ge=1, le=MOST_RATERS)] = Field(
        default=1,
        description="raters is how many people's ratings must be there before there is a verdict. It is given once; "
        "of a pair that several rated, more than half decide.",
    )
