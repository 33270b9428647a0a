"""How do people's ratings travel, from the sheet to the pod that counts them?

    evaluations/KEY/sheet.html       what raters open; it has no word on whose answer is on which side
    evaluations/KEY/sheet-key.json   SideKey: that very word
    evaluations/KEY/ratings.jsonl    every pair uncovered, once there is a verdict

A rater's page writes a RatingFile. It comes back as an entry of a ConfigMap with the label RATINGS_LABEL, and
is mounted below RATINGS_FOLDER/CONFIGMAP.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.api.base import Digest, Model, Name, StatusModel, StoreUri, bounded
from slipway.api.preference import MOST_PAIRS
from slipway.api.ratings import RaterName

RATINGS_LABEL: Final = "slipway.dev/ratings"
"""On a ConfigMap: the ModelVersion whose ratings it has."""
RATINGS_FOLDER: Final = "/slipway/ratings"
FORMAT: Final = "slipway.dev/ratings/v1"
MOST_CONFIG_MAPS: Final = 40
MARKUP: Final = r"<\s*/?\s*(script|iframe|object|embed|svg|math|style|link|meta|img|base|form)\b|javascript\s*:"
"""What no comment may hold, upper case or lower: whoever reads it some day may do so in a browser."""

Side = Literal["Left", "Right"]
Choice = Literal["Left", "Right", "Tie", "BothBad"]


class Rating(Model):
    """What one person said of one pair."""

    item: int = Field(ge=1, le=MOST_PAIRS)
    """The number of the pair on the sheet."""
    choice: Choice
    comment: Annotated[str, bounded(1000, minimum=0)] = ""


class RatingFile(Model):
    """What one person said of a sheet."""

    format: Literal["slipway.dev/ratings/v1"]
    sheet: Digest
    rater: RaterName
    ratings: tuple[Rating, ...] = Field(min_length=1, max_length=MOST_PAIRS)


class KeyedPair(StatusModel):
    """One pair: the row that was asked, and the side on which the version's answer is, not the reference's."""

    id: str
    group: str
    version: Side


class SideKey(StatusModel):
    """Whose answer is on which side, in the order of the sheet."""

    sheet: Digest
    lot: str
    """What order and sides were drawn with. It is random, so that nobody can draw them again without this file."""
    pairs: tuple[KeyedPair, ...]


class Sheet(StatusModel):
    """A sheet that lies in the store."""

    metric: Name
    uri: StoreUri
    key: StoreUri
    digest: Digest
    pairs: int
