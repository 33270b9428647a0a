"""Which few of many, when memory is bounded and equal input must give an equal choice?"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sampled(Generic[T]):
    """Keeps the `limit` items whose keys have the smallest digests: a uniform sample that no clock or order decides.

    This is a reservoir sample with the digest of the key in place of a random number (bottom-k sampling).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[int, int, T]] = []
        self._offered = 0

    def offer(self, key: str, make: Callable[[], T]) -> None:
        """Take the item of `key` into account; `make` is called only when it is kept for now."""
        self._offered += 1
        rank = -int.from_bytes(hashlib.sha256(key.encode(errors="surrogatepass")).digest()[:16], "big")
        # The second number keeps items out of the comparison where one key comes twice.
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, (rank, -self._offered, make()))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, -self._offered, make()))

    def chosen(self) -> tuple[T, ...]:
        """Return the items kept, in the order of their keys' digests."""
        return tuple(item for _, _, item in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1])))
