"""How is a Dataset mixed from other Datasets?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Digest, Model, Name, Rule, StatusModel


class MixMember(Model):
    """A Dataset that gives rows to the mix."""

    name: Name = Field(description="name of the Dataset, in the same namespace and with the same schema.")
    weight: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="weight is this member's share of the rows, relative to the weights of the others: 3 beside 1 is "
        "three quarters. Absent, for all members, means every row of every member.",
    )


class DatasetsSource(Model):
    """Rows of other Datasets. Each stays in its split: what a member tests on is never trained on.

    Preparation begins when every member is Ready, with the digests that they have then, and again when one of these
    digests changes. With weights, rows of the members that have too many are left out, the same ones each time, until
    the shares hold in every split; no row comes twice. Of rows with equal text in two splits, the one in test stays
    rather than that in validation, and either rather than that in train.
    """

    rules = (
        Rule(
            "self.members.all(m, has(m.weight)) || !self.members.exists(m, has(m.weight))",
            "a share is relative to those of the others: give every member a weight, or none",
        ),
    )

    members: list[MixMember] = Field(
        min_length=1,
        max_length=16,
        description="members are the Datasets that are mixed; their order makes no difference.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class MemberStatus(StatusModel):
    """What a member was when it was mixed."""

    name: Name = Field(description="name of the Dataset.")
    digest: Digest = Field(description="digest of its data.")
