"""How is a part of an object kept that nobody reads, and that is only compared?"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import orjson


class Sealed:
    """JSON in a tenth of the memory that its dicts would take. Equal values are equal sealed."""

    __slots__ = ("_packed", "mark")

    def __init__(self, value: Any) -> None:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        self.mark = hashlib.sha256(text).hexdigest()[:32]
        self._packed = zlib.compress(text, 1)

    def opened(self) -> Any:
        """Return the value."""
        return orjson.loads(zlib.decompress(self._packed))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.mark == other.mark

    def __hash__(self) -> int:
        return hash(self.mark)


def as_json(value: Any) -> str:
    """Return what stands for a sealed value where JSON is hashed; for `orjson.dumps(default=...)`."""
    if isinstance(value, Sealed):
        return value.mark
    raise TypeError(f"{type(value).__name__} is no JSON")
