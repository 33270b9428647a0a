"""Which files does a source have?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from slipway.api.dataset_source import InlineSource, ObjectStoreSource, Source
from slipway.contract.artifact import MANIFEST
from slipway.contract.job import Store
from slipway_data.raw import RawFile
from slipway_pod.errors import BadConfig, BadData
from slipway_pod.store import open_uri


def files(source: Source, store: Store) -> tuple[RawFile, ...]:
    """Return the files of `source` in the order of their paths; raise BadData (NoFiles) when there are none."""
    match source.chosen:
        case InlineSource(files=inline):
            found = [RawFile(f.name, partial(_piece, f.text)) for f in inline]
        case ObjectStoreSource() as place:
            found = list(_stored(place, store))
            if not found:
                raise BadData(
                    "NoFiles",
                    f"source.objectStore: no file below {place.uri} matches {', '.join(place.include)}: upload files, "
                    "or correct uri and include",
                )
        case other:
            raise BadConfig("UnknownSource", f"source: this image cannot read {type(other).__name__}: update it")
    return tuple(sorted(found, key=lambda f: f.path))


def _stored(place: ObjectStoreSource, store: Store) -> Iterator[RawFile]:
    bucket, key = open_uri(store, place.uri)
    if key and not key.endswith("/"):
        if not bucket.exists(key):
            raise BadData(
                "NoFiles", f"source.objectStore.uri: there is no file {place.uri}; a folder's address ends with /"
            )
        yield RawFile(key.rpartition("/")[2], partial(bucket.stream, key))
        return
    wanted = re.compile("|".join(map(_pattern, place.include)))
    for stored in bucket.list(key):
        path = stored.key.removeprefix(key)
        # The manifest of a folder that slipway_pod.push wrote describes the data and is none.
        if wanted.fullmatch(path) and path != MANIFEST and not path.endswith("/"):
            yield RawFile(path, partial(bucket.stream, stored.key, stored.bytes))


def _piece(text: str) -> list[bytes]:
    return [text.encode()]


def _pattern(glob: str) -> str:
    """Return `glob` as a regular expression: ** crosses folders, * and ? do not."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob))
