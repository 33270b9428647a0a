"""By which few numbers is a text compared with others?

A shingle is a run of words (and signs). Its hash of 64 bits is a sum of those of its words, each times a factor of its
place. The hashes are the set by which the similarity of two texts is exact, and what its MinHash signature is made from
(datasketch's scheme affine32, bit for bit). Cut into bands, the signature finds the texts that are worth comparing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway_data.word_hashes import POWERS, Hashes, mixed, word_hashes

PERMUTATIONS = 128
SEED = 1
WORDS = 5
"""Words in a shingle."""
RECALL = 0.99
"""The least chance that two rows just similar enough become candidates. False candidates cost time only."""

FACTORS = mixed(np.arange(1, WORDS + 1, dtype=np.uint64)) | np.uint64(1)
"""Of the words of a shingle, by their place: odd, so that no bit of a word is lost."""
AT_ONCE = 1024
"""Hashes that are permuted together, so that what comes between stays in the cache."""


def permutations() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return a factor and a summand for each permutation, as datasketch draws them: shape (PERMUTATIONS, 1)."""
    drawn = np.random.RandomState(SEED)
    shape = (PERMUTATIONS, 1)
    factors = drawn.randint(0, 1 << 31, shape, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, drawn.randint(0, 1 << 32, shape, dtype=np.uint32)


A, B = permutations()


@dataclass(frozen=True)
class Sketch:
    """A text for comparisons: its shingles' hashes, each once and in order, and the bands of its signature."""

    hashes: Hashes
    bands: tuple[int, ...]
    """A number for each band, from -2^63 to 2^63 - 1: with equal values, equal ones."""


def sketch(text: str, bands: int, size: int) -> Sketch:
    """Return the sketch of `text`, its signature cut into `bands` bands of `size` values."""
    hashes = hashed(text)
    return Sketch(hashes, cut(minhash(hashes), bands, size))


def hashed(text: str) -> Hashes:
    """Return a hash of every different shingle of `text`, in order; a text of fewer words is one shingle."""
    words = word_hashes(text)
    hashes = np.zeros(max(1, len(words) - WORDS + 1), np.uint64)
    for at, factor in enumerate(FACTORS):
        part = words[at : at + len(hashes)]
        hashes[: len(part)] += part * factor
    hashes.sort()
    return hashes[np.concatenate(([True], hashes[1:] != hashes[:-1]))]


def minhash(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """Return the least value that each permutation gives to any of `hashes` (their lower halves)."""
    mixed = _mixed(hashes.astype(np.uint32))
    least: Any = np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
    for at in range(0, len(mixed), AT_ONCE):
        permuted = A * mixed[at : at + AT_ONCE]
        permuted += B
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


def cut(signature: npt.NDArray[np.uint32], bands: int, size: int) -> tuple[int, ...]:
    """Return the numbers of `signature`'s first `bands` bands of `size` values, different ones for different bands."""
    values = signature[: bands * size].reshape(bands, size) * POWERS[1 : size + 1]
    numbers = mixed(values.sum(axis=1) + np.arange(bands, dtype=np.uint64))
    return tuple(numbers.view(np.int64).tolist())


def banding(similarity: float) -> tuple[int, int]:
    """Return into how many bands of how many values a signature is cut.

    Two rows of similarity s share a band of r values with chance s^r, and one of b bands with 1 - (1 - s^r)^b
    (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4.2). The longest bands that still reach RECALL give
    the fewest false candidates.
    """
    for size in range(PERMUTATIONS, 0, -1):
        bands = PERMUTATIONS // size
        if 1 - (1 - similarity**size) ** bands >= RECALL:
            return bands, size
    raise AssertionError("bands of one value find every similarity from 50 percent")


def _mixed(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return `hashes` after MurmurHash3's finalizer, which is one to one and spreads neighbours."""
    mixed = hashes ^ (hashes >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> np.uint32(16))
