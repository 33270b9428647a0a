"""Are the rows that were read from files kept, so that only what changed is read again?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, Rule


class ParsedRows(Model):
    """What the reader made of each file is kept in the object store: as it is before any step, or redacted.

    A preparation takes the rows of files that are as they were from there, be it that the source changed or spec. The
    data, and its digest, are the same as without.
    """

    keep: Literal["Auto", "Always", "Never"] = Field(
        default="Auto",
        description="keep is Auto, Always or Never. With Auto, where a step redacts, rows are kept as the filter and "
        "redact steps at the beginning left them, and not at all where a redact step comes after another kind of step, "
        "or the files are .blend; "
        "else they are raw, and so are those of source.github, whose files lie in the installation's object store "
        "anyway. Always keeps them raw whatever the steps are. What was kept is deleted by the next preparation that "
        "keeps nothing.",
    )
    max_mebibytes: Annotated[int, Field(ge=1, le=1_048_576)] = Field(
        default=1024,
        description="maxMebibytes bounds what is kept, packed; the files beyond are read each time. While a "
        "preparation replaces what changed, it may be twice as much.",
    )


PARSED_ROWS_RULE = Rule(
    "!has(self.parsedRows) || self.parsedRows.keep != 'Always' || !(has(self.source.inline) || "
    "has(self.source.feedback) || has(self.source.datasets))",
    "no rows are kept of source inline, feedback and datasets: set parsedRows.keep to Auto or Never",
)
