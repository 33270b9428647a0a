"""How do rows of many files get to the object store and back in a few transfers?

A source may have files by the thousand, each of a few rows: a request for every one of them would take longer than to
read them. Memory has a few packs at a time, and the pod's disk none.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from slipway_data.reuse.index import Part
from slipway_data.reuse.lines import Broken
from slipway_pod.errors import PodError
from slipway_pod.store import Bucket

PACK = 4 * 1024 * 1024
"""Bytes from which a pack is full. One may have more: a row is never cut."""
OPEN = 4
"""Packs that are held to be read from: rows of files that were read in different years lie in different ones."""
ON_THEIR_WAY = 2
"""Packs that are being written while the next is filled."""


def pack_key(folder: str, name: str) -> str:
    """Return where the pack `name` lies."""
    return f"{folder}/packs/{name}"


class Reader:
    """Gives back what lies in packs."""

    def __init__(self, bucket: Bucket, folder: str, sizes: Mapping[str, int]) -> None:
        self._bucket, self._folder, self._sizes = bucket, folder, sizes
        self._open: OrderedDict[str, bytes] = OrderedDict()

    def part(self, part: Part) -> bytes:
        """Return the bytes of `part`; raise Broken where they are gone, or not the ones that were written."""
        found = self._pack(part.pack)[part.start : part.start + part.bytes]
        if hashlib.sha256(found).hexdigest() != part.sha256:
            raise Broken(f"pack {part.pack[:12]} is not as it was written")
        return found

    def _pack(self, name: str) -> bytes:
        if name in self._open:
            self._open.move_to_end(name)
            return self._open[name]
        if name not in self._sizes:
            raise Broken(f"pack {name[:12]} is not listed")
        if len(self._open) == OPEN:
            self._open.popitem(last=False)
        try:
            content = self._bucket.read(pack_key(self._folder, name))
        except PodError as error:
            if error.reason != "NoSuchObject":
                raise
            raise Broken(f"pack {name[:12]} is gone") from error
        self._open[name] = content
        return content


class Writer:
    """Fills packs, and writes them while the next is filled."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder = bucket, folder
        self._filling = bytearray()
        self._parts: list[tuple[list[Part], int]] = []
        """Of the pack that is being filled: whose they are, and where they begin."""
        self._writing: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(ON_THEIR_WAY, thread_name_prefix="keeping")
        self.bytes = 0
        """Of all that was added and not taken back."""
        self.sizes: dict[str, int] = {}
        """Of the packs that were written."""

    def begin(self, parts: list[Part]) -> None:
        """Let what is added from now on be of `parts`, which gets its addresses once they are known."""
        self._parts.append((parts, len(self._filling)))

    def add(self, block: bytes) -> None:
        """Add a block; raise what went wrong with packs before."""
        self._filling += block
        self.bytes += len(block)
        if len(self._filling) >= PACK:
            parts, _ = self._parts[-1]
            self._end()
            self.begin(parts)

    def take_back(self) -> None:
        """Forget what was added since the last `begin`, as far as it is in no full pack."""
        _, start = self._parts.pop()
        self.bytes -= len(self._filling) - start
        del self._filling[start:]

    def close(self) -> None:
        """Write what is left, and wait; raise what went wrong."""
        try:
            self._end()
            for future in self._writing.values():
                future.result()
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Write no more."""
        self._pool.shutdown(cancel_futures=True)
        self._filling.clear()
        self._parts.clear()

    def _end(self) -> None:
        if not self._filling:
            self._parts.clear()  # of files without a row
            return
        content = bytes(self._filling)
        name = hashlib.sha256(content).hexdigest()
        ends = [start for _, start in self._parts[1:]] + [len(content)]
        for (parts, start), end in zip(self._parts, ends, strict=True):
            if end > start:
                parts.append(Part(name, start, end - start, hashlib.sha256(content[start:end]).hexdigest()))
        self._filling.clear()
        self._parts.clear()
        running = [future for future in self._writing.values() if not future.done()]
        if len(running) >= ON_THEIR_WAY:
            running[0].result()
        for future in self._writing.values():
            if future.done():
                future.result()
        self.sizes[name] = len(content)
        self._writing[name] = self._pool.submit(self._bucket.put, pack_key(self._folder, name), content)
