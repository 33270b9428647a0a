"""Of which kind is each character of a text, as an array?"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

SPACE, SIGN, LETTER = range(3)
"""Kinds, as patterns have them: \\s, neither, \\w. Digits and underscores count as letters."""

Codes = npt.NDArray[Any]
"""Numbers of characters."""
Kinds = npt.NDArray[np.uint8]


def codes_of(text: str) -> Codes:
    """Return the code point of each character of `text`."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def kinds_of(codes: Codes) -> Kinds:
    """Return the kind of each character, given by its code point."""
    return _every_kind().take(codes, mode="clip")


def _kinds(characters: str) -> Kinds:
    found = np.full(len(characters), SIGN, np.uint8)
    for kind, pattern in ((LETTER, r"\w+"), (SPACE, r"\s+")):
        for run in re.finditer(pattern, characters):
            found[run.start() : run.end()] = kind
    return found


@cache
def _every_kind() -> Kinds:
    every = np.arange(sys.maxunicode + 1, dtype="<u4")
    return _kinds(every.tobytes().decode("utf-32-le", "surrogatepass"))  # a string for each would take 80 MiB


ASCII_KINDS = bytes(_kinds("".join(map(chr, range(128))))) + bytes(128)
"""A table by which bytes of ASCII are translated into kinds."""
