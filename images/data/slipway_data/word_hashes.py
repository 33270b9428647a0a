"""By which numbers are the words of a text known?

A word is what WORD matches: a run of letters, digits and underscores, or one sign. Its hash is a polynomial over its
characters, each drawn at random in 64 bits, modulo 2^64, so that all words of a text are hashed by a few passes over
arrays. What is equal is hashed equally, whatever stands around it.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"\w+|[^\w\s]")
AT_ONCE = 16_384
"""Characters that are looked at together, so that what comes between stays in the cache."""
BASE = 0x9E3779B97F4A7C15
"""Of the polynomial: odd, so that there is a number that undoes it."""
MODULUS = 1 << 64
SPACE, SIGN, LETTER = range(3)

Hashes = npt.NDArray[np.uint64]
Kinds = npt.NDArray[np.uint8]


def word_hashes(text: str) -> Hashes:
    """Return a hash of each word of `text` (composed: NFC), in order."""
    return mixed(np.concatenate([np.empty(0, np.uint64), *_pieces(_codes(text))]))


def mixed(numbers: Hashes) -> Hashes:
    """Return `numbers` after MurmurHash3's finalizer of 64 bits, which is one to one and spreads neighbours."""
    found = numbers ^ (numbers >> np.uint64(33))
    found *= np.uint64(0xFF51AFD7ED558CCD)
    found ^= found >> np.uint64(33)
    found *= np.uint64(0xC4CEB9FE1A85EC53)
    return found ^ (found >> np.uint64(33))


def _codes(text: str) -> npt.NDArray[Any]:
    """Return the code points of `text`, as bytes where they fit."""
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    return np.frombuffer(unicodedata.normalize("NFC", text).encode("utf-32-le"), "<u4")


def _pieces(codes: npt.NDArray[Any]) -> Iterator[Hashes]:
    """Yield the polynomials of the words that begin in each piece of `codes`."""
    words, begin, before = np.empty(0, np.uint64), 0, SPACE
    for at in range(0, len(codes), AT_ONCE):
        piece = codes[at : at + AT_ONCE]
        kinds, terms = _kinds(piece), _drawn(piece)
        terms *= POWERS[: len(piece)]
        # A word begins at each sign, and at a letter with none before it.
        begins = kinds == LETTER
        begins[1:] &= kinds[:-1] != LETTER
        begins[0] &= before != LETTER
        begins |= kinds == SIGN
        starts = np.flatnonzero(begins)
        rest = terms[: starts[0] if len(starts) else None]
        if len(words):
            # What is before the first begin belongs to the last word of the pieces before.
            words[-1:] += np.uint64(int(rest.sum()) * pow(BASE, at - begin, MODULUS) % MODULUS)
        if len(starts):
            yield words
            # Spaces count nothing, so a word may be summed up to the next one.
            words, begin = np.add.reduceat(terms, starts), at + int(starts[-1])
            words *= INVERSES[starts]
        before = int(kinds[-1])
    yield words


def _drawn(codes: npt.NDArray[Any]) -> Hashes:
    """Return the number drawn for each character; 0 for spaces."""
    if codes.dtype == np.uint8:
        return ASCII_DRAWN[codes]
    found = _draw(codes)
    found[_kinds(codes) == SPACE] = 0
    return found


def _draw(codes: npt.NDArray[Any]) -> Hashes:
    return mixed(codes.astype(np.uint64) + np.uint64(BASE))


def _kinds(codes: npt.NDArray[Any]) -> Kinds:
    """Return of each character whether it is a space, a sign, or a letter, digit or underscore."""
    return ASCII_KINDS[codes] if codes.dtype == np.uint8 else _every_kind()[codes]


def _kinds_of(characters: str) -> Kinds:
    found = np.full(len(characters), SIGN, np.uint8)
    for kind, pattern in ((LETTER, r"\w+"), (SPACE, r"\s+")):
        for run in re.finditer(pattern, characters):
            found[run.start() : run.end()] = kind
    return found


@cache
def _every_kind() -> Kinds:
    return _kinds_of("".join(map(chr, range(sys.maxunicode + 1))))


def _powers(base: int) -> Hashes:
    """Return the powers of `base` from 0 on, as many as characters are looked at together."""
    found = np.ones(AT_ONCE, np.uint64)
    for at in range(1, AT_ONCE):
        found[at] = int(found[at - 1]) * base % MODULUS
    return found


ASCII_KINDS = _kinds_of("".join(map(chr, range(128))))
ASCII_DRAWN = np.where(ASCII_KINDS == SPACE, np.uint64(0), _draw(np.arange(128)))
POWERS, INVERSES = _powers(BASE), _powers(pow(BASE, -1, MODULUS))
