"""Where does a Dataset's raw data come from?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import LISTED, Model, OneOf, StoreUri, bounded

FileName = Annotated[
    str,
    bounded(128, pattern=r"^[A-Za-z0-9._-]+$", says="a file name has letters, digits, '.', '_' and '-' only"),
]


class ObjectStoreSource(Model):
    """Files below one address of the object store."""

    uri: StoreUri = Field(description="uri is a file, or a prefix that ends in /, for example s3://raw/blueprints/.")
    include: list[Annotated[str, bounded(256)]] = Field(
        default=["**"],
        min_length=1,
        max_length=32,
        json_schema_extra=LISTED,
        description="include lists glob patterns relative to uri; a file must match one of them.",
    )


class InlineFile(Model):
    """A small file written in the spec."""

    name: FileName = Field(description="name of the file, unique in the list.")
    text: Annotated[str, bounded(262_144)] = Field(description="text is the file's content.")


class InlineSource(Model):
    """Files written in the spec itself."""

    files: list[InlineFile] = Field(
        min_length=1,
        max_length=64,
        description="files of the source. The whole object must stay below 1 MiB: larger data belongs in the object "
        "store.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class Source(OneOf):
    """Where raw data comes from; exactly one member must be set."""

    object_store: ObjectStoreSource | None = Field(
        default=None, description="objectStore reads files from the object store that the operator is configured with."
    )
    inline: InlineSource | None = Field(
        default=None, description="inline reads files written in this object, for small data and trials."
    )
