"""When does a Dataset look whether its source changed, and what is remembered of it?"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from slipway.api.base import Digest, Model, StatusModel, Timestamp, bounded

REFRESH_ANNOTATION: Final = "slipway.dev/refresh"
"""Asks for a look now. Its value is anything that it was not before."""
LONGEST_COMMAND: Final = 128
"""Characters of its value that count."""
DAY: Final = 86_400


class Refresh(Model):
    """Look again and again whether the source changed, and prepare anew where it did.

    A look that finds nothing new reads no file: the digest and the artefact stay. While changed data is prepared, and
    where that fails, the data before stays Ready. Annotation slipway.dev/refresh asks for a look at once, with or
    without this.
    """

    every_seconds: Annotated[int, Field(ge=60, le=30 * DAY)] = Field(
        description="everySeconds is the time from the end of one look to the begin of the next."
    )


class Inputs(StatusModel):
    """What data was made from, as far as that can be told without reading it."""

    files: Digest = Field(
        description="files is a digest of the source's files: the name of each, and what changes with its content "
        "(size and ETag in an object store, size and time on a volume, the name that Git gives it)."
    )
    sets: Digest | None = Field(
        default=None, description="sets is the same of the evaluation sets that decontaminate steps read."
    )


class SourceStatus(StatusModel):
    """What is known of the source, and when it was last looked at."""

    inputs: Inputs | None = Field(default=None, description="inputs is what the artifact was made from.")
    last_checked_at: Timestamp | None = Field(
        default=None, description="lastCheckedAt is when the source was last read, or found unchanged, or unusable."
    )
    looking_since: Timestamp | None = Field(
        default=None, description="lookingSince is when the look that is on its way began."
    )
    refused: Inputs | None = Field(
        default=None,
        description="refused is the state of the source of which no data could be made; it is not read again until it "
        "changes, or annotation slipway.dev/refresh asks for it.",
    )
    command: Annotated[str, bounded(LONGEST_COMMAND, minimum=0)] = Field(
        default="", description="command is the value of annotation slipway.dev/refresh that acted last."
    )
