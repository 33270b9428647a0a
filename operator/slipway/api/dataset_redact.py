"""Which words of yours are private?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, bounded

PrivateWord = Annotated[
    str,
    bounded(
        64,
        minimum=2,
        pattern=r"^[^\s]*[\p{L}\p{N}][^\s]*( [^\s]+)*$",
        says="write two characters or more, beginning with a word that has a letter or digit, with single spaces "
        "between words and none at the ends",
    ),
]


class OwnWords(Model):
    """Words that are private, and the name of what they are."""

    name: Annotated[
        str,
        bounded(
            32,
            pattern=r"^[A-Z][A-Za-z0-9]*$",
            says="write a kind as a word that begins with a capital, for example Customer",
        ),
    ] = Field(
        description="name of the kind, as reports count it; Customer is replaced by <CUSTOMER>, GameMaster by "
        "<GAME_MASTER>."
    )
    words: list[PrivateWord] = Field(
        min_length=1,
        max_length=128,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="words to replace where they stand whole: names of people, companies or projects, for example. A "
        "space stands for any white space. Whoever may read the Dataset reads them.",
    )
    ignore_case: bool = Field(
        default=False, description="ignoreCase finds the words however they are capitalised: will finds Will too."
    )
