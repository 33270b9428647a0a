"""By which few numbers is a text compared with others?

A shingle is a run of words (and signs). Shingles are hashed by SHA-1; the hashes are the set by which the similarity of
two texts is exact, and what its MinHash signature is made from (datasketch's scheme affine32, bit for bit). Cut into
bands, the signature finds the texts that are worth comparing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from datasketch import MinHash

PERMUTATIONS = 128
SEED = 1
WORDS = 5
"""Words in a shingle."""
RECALL = 0.99
"""The least chance that two rows just similar enough become candidates. False candidates cost time only."""

WORD = re.compile(r"\w+|[^\w\s]")
DIGEST = np.dtype([("head", "<u8"), ("rest", "V12")])
"""A SHA-1, and of it the eight bytes that are used."""
AT_ONCE = 1024
"""Hashes that are permuted together, so that what comes between stays in the cache."""
A, B = (row.reshape(-1, 1) for row in MinHash(num_perm=PERMUTATIONS, seed=SEED).permutations)

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sketch:
    """A text for comparisons: its shingles' hashes, each once and in order, and the bands of its signature."""

    hashes: Hashes
    bands: tuple[bytes, ...]


def sketch(text: str, bands: int, size: int) -> Sketch:
    """Return the sketch of `text`, its signature cut into `bands` bands of `size` values."""
    hashes = np.unique(hashed(text))
    signature = minhash(hashes)
    cut = (signature[at * size : (at + 1) * size] for at in range(bands))
    return Sketch(hashes, tuple(bytes([at]) + band.tobytes() for at, band in enumerate(cut)))


def hashed(text: str) -> Hashes:
    """Return a hash of every different shingle of `text`, in no order; a text of fewer words is one shingle."""
    words = WORD.findall(unicodedata.normalize("NFC", text))
    joined = " ".join(words)
    whole, sha1 = joined.encode(), hashlib.sha1
    if len(words) <= WORDS:
        digests = sha1(whole, usedforsecurity=False).digest()
    else:
        # Shingles are pieces of the text of all words: nothing is joined and encoded anew for each.
        numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        sizes = np.fromiter(map(len, numbers if joined.isascii() else map(str.encode, numbers)), np.int64, len(numbers))
        ids = np.fromiter(map(numbers.__getitem__, words), np.int64, len(words))
        ends = np.cumsum(sizes[ids] + 1) - 1
        chosen = _different(ids, len(numbers))
        first, last = (ends - sizes[ids])[chosen], ends[chosen + WORDS - 1]
        pieces = zip(first.tolist(), last.tolist(), strict=True)
        digests = b"".join([sha1(whole[start:end]).digest() for start, end in pieces])
    return np.frombuffer(digests, dtype=DIGEST)["head"]


def _different(ids: Places, count: int) -> Places:
    """Return where the different runs of WORDS numbers below `count` begin in `ids`, each once where that is cheap.

    In code two runs of five came before in the same file, and to sort numbers costs less than to hash texts.
    """
    runs = np.arange(len(ids) - WORDS + 1)
    if count**WORDS >= 2**63:  # a run would not fit into a number
        return runs
    names = np.zeros_like(runs)
    for at in range(WORDS):
        names *= count
        names += ids[at : at + len(names)]
    order = np.argsort(names)
    names = names[order]
    return order[np.concatenate(([True], names[1:] != names[:-1]))]


def minhash(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """Return the least value that each permutation gives to any of `hashes` (their lower halves)."""
    mixed = _mixed(hashes.astype(np.uint32))
    least: Any = np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
    for at in range(0, len(mixed), AT_ONCE):
        permuted = A * mixed[at : at + AT_ONCE]
        permuted += B
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


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
