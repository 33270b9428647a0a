"""What does a ModelVersion's status say of the people who rate its answers?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import LISTED, Count, Decimal, Digest, Name, Percent, StatusModel, StoreUri, bounded
from slipway.api.preference import MOST_RATERS

MOST_REFUSED = 8
"""Refused files that are named; the rest are counted."""
RATER = r"^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_ .'@-]*$"
"""Of a person's name, wherever they come from; a pattern for pydantic and for JavaScript."""
RaterName = Annotated[str, bounded(40, pattern=RATER, says="write a name of letters, digits, spaces and . ' @ _ -")]


class RatedBy(StatusModel):
    """A person whose ratings count."""

    rater: Annotated[str, bounded(40)] = Field(description="rater is who it is, as the file says.")
    file: Annotated[str, bounded(320)] = Field(description="file that holds the ratings, as ConfigMap/entry.")
    rated: Count = Field(description="rated is how many pairs they rated.")


class RefusedRatings(StatusModel):
    """A file of ratings that does not count."""

    file: Annotated[str, bounded(320)] = Field(description="file that was refused, as ConfigMap/entry.")
    message: Annotated[str, bounded(512, minimum=0)] = Field(
        description="message says what is wrong with it, and what to do."
    )


class Agreement(StatusModel):
    """How far raters of the same pairs said the same: the version's, the reference's, or neither answer."""

    percent: Percent = Field(description="percent of all pairs of ratings of one pair of answers that agree.")
    alpha: Decimal | None = Field(
        default=None,
        description="alpha is Krippendorff's alpha: 1 is full agreement, 0 what chance would give; absent where all "
        "said the same of everything, which tells nothing.",
    )


class Preference(StatusModel):
    """What the raters said, once the version had its verdict."""

    better: Count = Field(description="better is the number of pairs in which this version's answer was preferred.")
    worse: Count = Field(description="worse is the number of pairs in which the reference's answer was preferred.")
    undecided: Count = Field(description="undecided is the number of pairs without a preference of more than half.")
    both_bad: Count = Field(
        default=0, description="bothBad is how many of the undecided pairs more than half called bad on both sides."
    )
    p_value: Decimal = Field(
        description="pValue of the exact one-sided sign test: the chance of so many better pairs, or more, if people "
        "preferred neither."
    )
    agreement: Agreement | None = Field(
        default=None, description="agreement between raters; absent where no pair was rated by two."
    )


class Ratings(StatusModel):
    """The rating sheet of this version, and who has rated so far. Who is ahead is not told before the verdict."""

    metric: Name = Field(description="metric of spec.evaluation that the sheet is for.")
    sheet: StoreUri = Field(description="sheet is the page that people rate on: one HTML file.")
    key: StoreUri = Field(description="key is where it stands whose answer is on which side; raters must not see it.")
    digest: Digest = Field(description="digest of what is on the sheet; files of ratings name it.")
    pairs: Count = Field(description="pairs of answers on the sheet.")
    rated: Count = Field(default=0, description="rated is how many pairs somebody has rated, by the files that count.")
    raters: Count = Field(default=0, description="raters is how many people's files count.")
    accepted: list[RatedBy] = Field(
        default=[], max_length=MOST_RATERS, json_schema_extra=LISTED, description="accepted are the files that count."
    )
    refused: list[RefusedRatings] = Field(
        default=[],
        max_length=MOST_REFUSED,
        json_schema_extra=LISTED,
        description="refused are files that do not count, and why; the first few.",
    )
    refusals: Count = Field(default=0, description="refusals is the number of all files that do not count.")
    preference: Preference | None = Field(default=None, description="preference is what the raters said, in the end.")
    report: StoreUri | None = Field(
        default=None, description="report has every pair with its sides uncovered, its ratings and comments."
    )
    counted: Annotated[str, bounded(64, minimum=0)] = Field(
        default="", description="counted marks the files that were counted last."
    )
