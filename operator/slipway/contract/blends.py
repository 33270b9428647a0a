"""What do the container that fetches .blend files and the one that has Blender exchange? A folder.

files/N            the files of the source, numbered
described/N.json   what Blender says of each .blend: Blend, or `{"refused": "why"}`
kept/N.json        what was kept of what Blender said of a file with these bytes, if something was: KeptDescription
reader             the version of the reader that Blender's container has
taken/N            empty; there where the description is the kept one
index.json         Index, written last by who fetches
"""

from __future__ import annotations

import json
import re

from slipway.api.base import StatusModel
from slipway.contract.result import Unchanged

FILES, DESCRIBED, INDEX = "files", "described", "index.json"
KEPT, READER, TAKEN = "kept", "reader", "taken"
REFUSED = "refused"
FILE_LIMIT = 256 * 1024 * 1024
SECONDS = 60
"""That Blender may compute for each file; by the clock it has a few times as many, for a node may be busy."""
NAME = re.compile(r".*\.blend[0-9]*", re.IGNORECASE)


class Fetched(StatusModel):
    """A file of the source, at the place of its number."""

    path: str
    refused: str = ""
    """Why it was not fetched."""
    sha256: str = ""
    """Of a .blend that was fetched."""


class KeptDescription(StatusModel):
    """What a reader of version `reader` said, as JSON."""

    reader: str
    said: str

    @staticmethod
    def refuses(said: str) -> bool:
        """Tell whether a description says nothing but why there is none."""
        found = json.loads(said)
        return isinstance(found, dict) and REFUSED in found


class Index(StatusModel):
    """All files of a source, in the order of their paths."""

    revision: str = ""
    digest: str = ""
    """Of the files as they are known without reading them."""
    fetched: tuple[Fetched, ...]
    licences: dict[str, str] = {}
    """What the source itself states of the licences of folders."""
    left_out: tuple[Fetched, ...] = ()
    """What the source does not give, with the reason why."""
    unchanged: Unchanged | None = None
    """Nothing was fetched, for all is as it was."""


def is_blend(path: str) -> bool:
    """Tell whether a file is a .blend by its name, or a backup of one."""
    return NAME.fullmatch(path) is not None
