"""Which files lie below an address of the object store?"""

from __future__ import annotations

from collections.abc import Iterator

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
        yield _Object(bucket, one).file(key.rpartition("/")[2])
        return
    wanted, count = matcher(place.include), 0
    for stored in bucket.list(key):
        path = stored.key.removeprefix(key)
        # The manifest of a folder that slipway_pod.push wrote describes the data and is none.
        if wanted.fullmatch(path) and path != MANIFEST and not path.endswith("/"):
            count += 1
            yield _Object(bucket, stored).file(path)
    if not count:
        raise BadData(
            "NoFiles",
            f"source.objectStore: no file below {place.uri} matches {', '.join(place.include)}: upload files, "
            "or correct uri and include",
        )


class _Object:
    """An object of the store as it was listed, and whether it is still that one where it was read."""

    def __init__(self, bucket: Bucket, listed: Stored) -> None:
        self._bucket, self._listed, self._others = bucket, listed, 0

    def file(self, path: str) -> RawFile:
        """Return the object as the file at `path`."""
        bucket, listed = self._bucket, self._listed
        # Of folders on this machine an ETag is made of size and time, which do not tell content.
        strong = listed.etag and not listed.etag.startswith("W/") and not bucket.endpoint.startswith("file://")
        content = f"etag {bucket.endpoint} {bucket.uri(listed.key)} {listed.identity}" if strong else ""
        return RawFile(path, self._pieces, listed.identity, content, lambda: not self._others)

    def _pieces(self) -> Iterator[bytes]:
        self._others = 0
        return self._bucket.stream(self._listed.key, self._listed.bytes, self._told)

    def _told(self, found: Stored) -> None:
        self._others += _content(found) != _content(self._listed)


def _content(object: Stored) -> tuple[int, str]:
    """Return what tells the content of an object. Not every store puts the quotes into a list as into a header."""
    return object.bytes, object.etag.strip('"')
