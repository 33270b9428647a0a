"""How is a part of an object kept that nobody reads, and that is only compared?"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import orjson


class Sealed:
    """JSON in a hundredth of the memory that its dicts would take. Equal values are equal sealed.

    It is packed as what differs from `like`: objects of one kind are nearly the same.
    """

    __slots__ = ("_like", "_packed", "mark")

    def __init__(self, value: Any, like: bytes = b"") -> None:
        text = written(value)
        self.mark = hashlib.sha256(text).hexdigest()[:32]
        self._like = like
        packer = zlib.compressobj(1, zdict=like)
        self._packed = packer.compress(text) + packer.flush()

    def opened(self) -> Any:
        """Return the value."""
        return orjson.loads(zlib.decompressobj(zdict=self._like).decompress(self._packed))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.mark == other.mark

    def __hash__(self) -> int:
        return hash(self.mark)


def written(value: Any) -> bytes:
    """Return the text of which a sealed `value` is made."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def as_json(value: Any) -> str:
    """Return what stands for a sealed value where JSON is hashed; for `orjson.dumps(default=...)`."""
    if isinstance(value, Sealed):
        return value.mark
    raise TypeError(f"{type(value).__name__} is no JSON")
