"""Which files does a source have?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from slipway.api.dataset_source import (
    HttpSource,
    InlineSource,
    ObjectStoreSource,
    PersistentVolumeClaimSource,
    Source,
)
from slipway.contract.job import Store
from slipway_data.raw import RawFile
from slipway_data.sources import claim, http, inline, stored
from slipway_pod.errors import BadConfig, BadData


def files(source: Source, store: Store, environment: Mapping[str, str] = os.environ) -> tuple[RawFile, ...]:
    """Return the files of `source` in the order of their paths; raise BadData (NoFiles) when there are none.

    `environment` holds the values of the Secrets that the source names (see slipway.contract.source).
    """
    found = tuple(sorted(_reader(source, store, environment)(), key=lambda f: f.path))
    if not found:
        raise BadData("NoFiles", f"source.{source.member}: no file was found: correct the source")
    return found


def _reader(source: Source, store: Store, environment: Mapping[str, str]) -> Callable[[], Iterable[RawFile]]:
    match source.chosen:
        case InlineSource() as spec:
            return partial(inline.files, spec)
        case ObjectStoreSource() as spec:
            return partial(stored.files, spec, store)
        case HttpSource() as spec:
            return partial(http.files, spec, environment)
        case PersistentVolumeClaimSource() as spec:
            return partial(claim.files, spec)
        case other:
            raise BadConfig("UnknownSource", f"source: this image cannot read {type(other).__name__}: update it")
