"""Where do requests come in, and which of them belong together?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Message, Model, Name, StatusModel, Timestamp, bounded

HostName = Annotated[
    str,
    bounded(
        253,
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        says="write a host name in lower case without scheme or path, for example assistant.example.com",
    ),
]
HeaderName = Annotated[
    str,
    bounded(
        64,
        pattern=r"^[a-z0-9][-a-z0-9]*$",
        says="write the name of a header in lower case, with digits and dashes, for example x-slipway-bucket",
    ),
]
HeaderText = Annotated[
    str,
    bounded(
        256,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        says="write the value of a header in printable ASCII without spaces at its ends, for example yes",
    ),
]
Salt = Annotated[
    str,
    bounded(
        64,
        pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$",
        says="write a salt of letters, digits, dashes, dots and underscores, for example summer-event",
    ),
]


class GatewayRef(Model):
    """A Gateway of the Gateway API."""

    name: Name = Field(description="name of the Gateway.")
    namespace: Name | None = Field(
        default=None, description="namespace of the Gateway; absent means the namespace of the Rollout."
    )


class Sticky(Model):
    """A user is served by one version: clients send the user's bucket, and a percent covers the buckets below it."""

    bucket_header: HeaderName = Field(
        default="x-slipway-bucket",
        description="bucketHeader in which clients send the user's bucket, 00 to 99; requests without it go to stable.",
    )
    salt: Salt | None = Field(
        default=None,
        description="salt of the bucket function; absent means one for each candidate, found in status.traffic.salt, "
        "so that it is not always the same users who try a new version first.",
    )


class Traffic(Model):
    """Where requests come in. The operator owns the HTTPRoute, named like the Rollout, as a whole."""

    gateway: GatewayRef = Field(description="gateway that the HTTPRoute attaches to.")
    hostnames: list[HostName] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="hostnames served, for example assistant.example.com or *.example.com.",
    )
    sticky: Sticky | None = Field(
        default=None,
        description="sticky keeps each user on one version; absent means that each request is drawn anew.",
    )


class TrafficStatus(StatusModel):
    """What clients have to know."""

    salt: Salt = Field(
        description="salt of the bucket function, the same from a candidate's start to the start of the next one."
    )


class MirroringStatus(StatusModel):
    """Whether a Gateway can copy requests."""

    gateway: Annotated[str, bounded(127)] = Field(description="gateway that was asked, as namespace/name.")
    supported: bool = Field(description="supported tells whether its GatewayClass lists the features needed.")
    at: Timestamp = Field(description="at is when it was asked.")
    message: Message = Field(default="", description="message says what is missing.")


class HeaderValue(Model):
    """A header with its exact value."""

    name: HeaderName = Field(description="name of the header, in lower case.")
    value: HeaderText = Field(description="value that the header must have exactly.")
