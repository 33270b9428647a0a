"""Which files are written in the spec itself?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from slipway.api.dataset_source import InlineSource
from slipway_data.raw import RawFile


def files(source: InlineSource) -> Iterator[RawFile]:
    """Yield the files of `source`."""
    for file in source.files:
        yield RawFile(file.name, partial(_piece, file.text), hashlib.sha256(file.text.encode()).hexdigest())


def _piece(text: str) -> list[bytes]:
    return [text.encode()]
