"""Are sketches what they are said to be: exact sets of shingles, and datasketch's signatures of them?"""

from __future__ import annotations

import random
import re
import unicodedata

import numpy as np
import numpy.typing as npt
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_data.sketch import AT_ONCE, PERMUTATIONS, RECALL, SEED, WORDS, banding, cut, hashed, minhash, sketch
from slipway_data.word_hashes import Hashes

texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(["the", "cat", "sat", "Größe", "e\u0301", "日本", "+=", "a_b", "x"]), max_size=60).map(
        " ".join
    ),
)


def shingles(text: str) -> set[bytes]:
    """Return the runs of words (and signs) of `text`, one by one; a shorter text is one run."""
    words = re.findall(r"\w+|[^\w\s]", unicodedata.normalize("NFC", text))
    count = max(1, len(words) - WORDS + 1)
    return {" ".join(words[at : at + WORDS]).encode() for at in range(count)}


@settings(deadline=None)  # the first text that is not ASCII waits for a table
@given(texts, texts)
def test_the_similarity_of_hashes_is_that_of_the_shingles(one: str, other: str) -> None:
    a, b = shingles(one), shingles(other)
    mine, theirs = set(map(int, hashed(one))), set(map(int, hashed(other)))
    assert (len(mine), len(mine & theirs), len(mine | theirs)) == (len(a), len(a & b), len(a | b))


def theirs(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """Return datasketch's signature of `hashes`."""
    made = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=lambda number: int(number) & 0xFFFFFFFF)
    made.update_batch(hashes)
    return made.hashvalues


@settings(deadline=None)
@given(texts)
def test_the_signature_is_that_of_datasketch(text: str) -> None:
    assert np.array_equal(minhash(hashed(text)), theirs(hashed(text)))


def test_a_long_text_is_permuted_in_pieces() -> None:
    rng = random.Random(1)
    hashes = hashed(" ".join(f"w{rng.randrange(10**9)}" for _ in range(3 * AT_ONCE)))
    assert len(hashes) > 2 * AT_ONCE
    assert np.array_equal(minhash(hashes), theirs(hashes))


def test_shingles_of_a_million_words_have_hashes_of_their_own() -> None:
    rng = random.Random(2)
    words = rng.choices([*"+-*/()[]{}=.,:;", *map(str, range(100)), *(f"name_{n}" for n in range(1000))], k=1_000_000)
    runs = set(zip(*(words[at:] for at in range(WORDS)), strict=False))
    assert len(hashed(" ".join(words))) == len(runs)


def test_bands_are_equal_where_all_their_values_are() -> None:
    signature = minhash(hashed("one two three four five six seven"))
    for at in range(PERMUTATIONS):
        changed = signature.copy()
        changed[at] ^= 1
        pairs = zip(cut(signature, 16, 8), cut(changed, 16, 8), strict=True)
        assert [number for number, (a, b) in enumerate(pairs) if a != b] == [at // 8]


def test_the_same_values_in_another_band_are_another_number() -> None:
    assert len(set(cut(np.full(PERMUTATIONS, 7, np.uint32), 16, 8))) == 16


def test_a_sketch_is_the_hashes_in_order_and_the_bands() -> None:
    found = sketch("one two three four five six seven", 9, 14)
    assert list(found.hashes) == sorted(set(found.hashes))
    assert found.bands == cut(minhash(found.hashes), 9, 14)
    assert all(-(2**63) <= number < 2**63 for number in found.bands)


@pytest.mark.parametrize("percent", range(50, 101))
def test_bands_find_what_they_should(percent: int) -> None:
    bands, size = banding(percent / 100)
    assert bands * size <= PERMUTATIONS
    assert 1 - (1 - (percent / 100) ** size) ** bands >= RECALL


def test_short_texts_have_a_shingle() -> None:
    for text, count in (("", 1), ("one two", 1), ("a b c d e", 1), ("a b c d e f", 2)):
        assert len(hashed(text)) == len(shingles(text)) == count
