"""By which numbers are the words of a text known?

A word is what WORD matches: a run of letters, digits and underscores, or one sign. Its hash is the polynomial of its
code points, from 1 on, modulo 2^64 (Karp and Rabin's), mixed, so that all words of a text are hashed by a few passes
over arrays. What is equal is hashed equally, whatever stands around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate, repeat

import numpy as np
import numpy.typing as npt

from slipway_data.characters import ASCII_KINDS, LETTER, SIGN, SPACE, Codes, Kinds, codes_of, kinds_of

WORD = re.compile(r"\w+|[^\w\s]")
AT_ONCE = 16_384
"""Characters that are looked at together, so that what comes between stays in the cache."""
BASE = 0x9E3779B97F4A7C15
"""Of the polynomial: odd, so that there is a number that undoes it."""
MODULUS = 1 << 64

Hashes = npt.NDArray[np.uint64]


def word_hashes(text: str) -> Hashes:
    """Return a hash of each word of `text` (composed: NFC), in order."""
    characters = _ascii(text) if text.isascii() else _any(text)
    return mixed(np.concatenate([NONE, *_polynomials(*characters)]))


def mixed(numbers: Hashes) -> Hashes:
    """Return `numbers` after MurmurHash3's finalizer of 64 bits, which is one to one and spreads neighbours."""
    found = numbers ^ (numbers >> np.uint64(33))
    found *= np.uint64(0xFF51AFD7ED558CCD)
    found ^= found >> np.uint64(33)
    found *= np.uint64(0xC4CEB9FE1A85EC53)
    return found ^ (found >> np.uint64(33))


def _ascii(text: str) -> tuple[Codes, Kinds]:
    """Return the code points of `text` plus one, 0 for spaces, and their kinds: bytes are translated fastest."""
    raw = text.encode()
    return np.frombuffer(raw.translate(ASCII_CODES), np.uint8), np.frombuffer(raw.translate(ASCII_KINDS), np.uint8)


def _any(text: str) -> tuple[Codes, Kinds]:
    codes = codes_of(unicodedata.normalize("NFC", text))
    kinds = kinds_of(codes)
    return (codes + 1) * (kinds != SPACE), kinds


def _polynomials(codes: Codes, kinds: Kinds) -> Iterator[Hashes]:
    """Yield the polynomials of the words that begin in each piece of a text."""
    words, begin = NONE, 0
    for at in range(0, len(codes), AT_ONCE):
        piece = codes[at : at + AT_ONCE]
        terms = piece * POWERS[: len(piece)]
        starts = np.flatnonzero(_begins(kinds, at))
        if len(words):
            # What is before the first begin belongs to the last word of the pieces before.
            rest = int(terms[: starts[0] if len(starts) else None].sum())
            words[-1:] += np.uint64(rest * pow(BASE, at - begin, MODULUS) % MODULUS)
        if len(starts):
            yield words
            # Spaces count nothing, so a word may be summed up to the next one.
            words, begin = np.add.reduceat(terms, starts), at + int(starts[-1])
            words *= INVERSES[starts]
    yield words


def _begins(kinds: Kinds, at: int) -> npt.NDArray[np.bool]:
    """Tell of the characters of the piece from `at` whether a word begins: each sign, and a letter with none before."""
    piece = kinds[at : at + AT_ONCE]
    begins = piece == LETTER
    begins[1:] &= piece[:-1] != LETTER
    begins[0] &= at == 0 or kinds[at - 1] != LETTER
    return begins | (piece == SIGN)


def _powers(base: int) -> Hashes:
    """Return the powers of `base` from 0 on, as many as characters are looked at together."""
    powers = accumulate(repeat(base, AT_ONCE - 1), lambda power, by: power * by % MODULUS, initial=1)
    return np.fromiter(powers, np.uint64, AT_ONCE)


NONE = np.empty(0, np.uint64)
ASCII_CODES = bytes(code + 1 if kind != SPACE else 0 for code, kind in enumerate(ASCII_KINDS[:128])) + bytes(128)
POWERS, INVERSES = _powers(BASE), _powers(pow(BASE, -1, MODULUS))
