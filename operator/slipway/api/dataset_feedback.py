"""Where does a Dataset find what users said of answers, and what does it make of it?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Name, Rule, SemVer, StoreUri


class FeedbackSource(Model):
    """What users said of a model's answers: thumbs, ratings and corrections, as records in the object store.

    Votes on the same answer to the same prompt are added up. With schema Chat, answers that are liked and corrections
    become rows; with schema Preference, a row is such an answer beside one to the same prompt that is disliked, or that
    was corrected. The how-to guide has the form of the records.
    """

    rules = (
        Rule("has(self.model) != has(self.uri)", "set model or uri, one of them"),
        Rule("!has(self.uri) || self.uri.endsWith('/')", "records lie below a prefix: let uri end in /"),
        Rule(
            "self.negativeRatings < self.positiveRatings",
            "a rating cannot be both: set positiveRatings above negativeRatings",
        ),
    )

    model: Name | None = Field(
        default=None,
        description="model is the line of versions whose feedback is read, from feedback/NAMESPACE/MODEL/ below the "
        "prefix of the operator's bucket (all files *.jsonl).",
    )
    uri: StoreUri | None = Field(
        default=None, description="uri is the prefix of records that lie elsewhere, in place of model; it ends in /."
    )
    versions: list[SemVer] = Field(
        default=[],
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="versions whose answers count, for example 1.2.0; empty means all.",
    )
    positive_ratings: Annotated[int, Field(ge=2, le=5)] = Field(
        default=4, description="positiveRatings is the lowest rating (of 1 to 5) that counts like a thumb up."
    )
    negative_ratings: Annotated[int, Field(ge=1, le=4)] = Field(
        default=2, description="negativeRatings is the highest rating (of 1 to 5) that counts like a thumb down."
    )
    min_margin: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1,
        description="minMargin is by how many votes those for an answer must outnumber those against it, for it to be "
        "liked, and the reverse for it to be disliked. A correction needs no votes.",
    )
