"""Which rows did preparations before keep, and of which files do they still tell?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from slipway_data.known import Known
from slipway_data.raw import RawFile
from slipway_data.reuse import index, lines, packs
from slipway_data.reuse.index import Part
from slipway_data.reuse.watched import hashed
from slipway_data.rows import Parsed, Rejected
from slipway_pod.store import Bucket


class Before:
    """What lies in `folder` and may be of use for `files`, which are read as `reading` says."""

    def __init__(self, bucket: Bucket, folder: str, reading: str, files: Iterable[RawFile]) -> None:
        self._reading = reading
        self.index = index.read(bucket, folder)
        prefix = packs.pack_key(folder, "")
        self.there: dict[str, tuple[int, datetime]] = {
            one.key.removeprefix(prefix): (one.bytes, one.modified) for one in bucket.list(prefix)
        }
        """Size and time of every pack that lies there, listed in the index or not."""
        self._reader = packs.Reader(bucket, folder, self.index.packs)
        self.live: dict[str, tuple[Part, ...]] = {}
        """The rows of files that are as they were, or may be: of some only reading tells."""
        self._at: defaultdict[str, list[str]] = defaultdict(list)
        by_content, by_place = set(), set()
        for file in files:
            if file.content:
                by_content.add(index.key(self.place(file), file.content))
            else:
                by_place.add(self.place(file))
        for key, parts in self.index.entries.items():
            where = index.place_of(key)
            if key in by_content or where in by_place:
                self.live[key] = parts
                self._at[where].append(key)
        self.bytes = sum(part.bytes for parts in self.live.values() for part in parts)
        """Of what is live."""

    def place(self, file: RawFile) -> str:
        """Return what the keys of the rows of `file` begin with."""
        return index.place(self._reading, file.path)

    def find(self, file: RawFile) -> str | None:
        """Return the key of the rows of `file` where they are kept; the file is read for that where it must be."""
        where = self.place(file)
        if where not in self._at:
            return None
        key = index.key(where, file.content or hashed(file))
        if key in self.live:
            return key
        for stale in self._at[where]:
            self.drop(stale)
        return None

    def rows(self, key: str) -> Iterator[Parsed | Rejected | Known]:
        """Yield the rows under `key`; raise Broken where it turns out that they are not as they were written."""
        for part in self.live[key]:
            yield from lines.read(self._reader.part(part))

    def drop(self, key: str) -> None:
        """Forget what is of no use after all."""
        self.bytes -= sum(part.bytes for part in self.live.pop(key, ()))
