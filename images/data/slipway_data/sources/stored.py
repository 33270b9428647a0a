"""Which files lie below an address of the object store?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from slipway.api.dataset_source import ObjectStoreSource
from slipway.contract.artifact import MANIFEST
from slipway.contract.job import Store
from slipway_data.raw import RawFile
from slipway_data.sources.globs import matcher
from slipway_pod.errors import BadData
from slipway_pod.store import Bucket, Stored, open_uri


def files(place: ObjectStoreSource, store: Store) -> Iterator[RawFile]:
    """Yield the files of `place`; raise BadData (NoFiles) when there are none."""
    bucket, key = open_uri(store, place.uri)
    if key and not key.endswith("/"):
        if (one := bucket.find(key)) is None:
            raise BadData(
                "NoFiles", f"source.objectStore.uri: there is no file {place.uri}; a folder's address ends with /"
            )
        yield _file(bucket, key.rpartition("/")[2], one, partial(bucket.stream, key))
        return
    wanted, count = matcher(place.include), 0
    for stored in bucket.list(key):
        path = stored.key.removeprefix(key)
        # The manifest of a folder that slipway_pod.push wrote describes the data and is none.
        if wanted.fullmatch(path) and path != MANIFEST and not path.endswith("/"):
            count += 1
            yield _file(bucket, path, stored, partial(bucket.stream, stored.key, stored.bytes))
    if not count:
        raise BadData(
            "NoFiles",
            f"source.objectStore: no file below {place.uri} matches {', '.join(place.include)}: upload files, "
            "or correct uri and include",
        )


def _file(bucket: Bucket, path: str, stored: Stored, pieces: Callable[[], Iterator[bytes]]) -> RawFile:
    # Of folders on this machine an ETag is made of size and time, which do not tell content.
    strong = stored.etag and not stored.etag.startswith("W/") and not bucket.endpoint.startswith("file://")
    content = f"etag {bucket.endpoint} {bucket.uri(stored.key)} {stored.identity}" if strong else ""
    return RawFile(path, pieces, stored.identity, content, partial(_as_listed, bucket, stored))


def _as_listed(bucket: Bucket, stored: Stored) -> bool:
    """Tell whether an object is still the one that was listed."""
    found = bucket.find(stored.key)
    return found is not None and found.identity == stored.identity
