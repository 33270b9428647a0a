"""Are sketches what they are said to be: exact sets of shingles, and datasketch's signatures of them?"""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from slipway_data.sketch import AT_ONCE, PERMUTATIONS, RECALL, SEED, WORDS, banding, hashed, minhash, sketch

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


@given(texts)
def test_hashes_are_those_of_the_shingles(text: str) -> None:
    wanted = {int.from_bytes(hashlib.sha1(part).digest()[:8], "little") for part in shingles(text)}
    assert set(map(int, hashed(text))) == wanted


@given(texts)
def test_the_signature_is_that_of_datasketch(text: str) -> None:
    theirs = MinHash(num_perm=PERMUTATIONS, seed=SEED)
    theirs.update_batch(sorted(shingles(text)))
    assert np.array_equal(minhash(np.unique(hashed(text))), theirs.hashvalues)


def test_a_long_text_is_permuted_in_pieces() -> None:
    rng = random.Random(1)
    text = " ".join(f"w{rng.randrange(10**9)}" for _ in range(3 * AT_ONCE))
    theirs = MinHash(num_perm=PERMUTATIONS, seed=SEED)
    theirs.update_batch(sorted(shingles(text)))
    assert np.array_equal(minhash(np.unique(hashed(text))), theirs.hashvalues)


def test_a_text_of_many_words_is_hashed_too() -> None:
    text = " ".join(f"w{n}" for n in range(8000)) + " w1 w2 w3 w4 w5 w6"
    assert np.array_equal(np.unique(hashed(text)), np.unique(np.concatenate([hashed(text[:-18]), hashed(text[-60:])])))


def test_bands_hold_the_signature_and_say_which_they_are() -> None:
    found = sketch("one two three four five six seven", 16, 8)
    assert [band[0] for band in found.bands] == list(range(16))
    assert b"".join(band[1:] for band in found.bands) == minhash(found.hashes).tobytes()
    assert list(found.hashes) == sorted(set(found.hashes))


@pytest.mark.parametrize("percent", range(50, 101))
def test_bands_find_what_they_should(percent: int) -> None:
    bands, size = banding(percent / 100)
    assert bands * size <= PERMUTATIONS
    assert 1 - (1 - (percent / 100) ** size) ** bands >= RECALL


def test_short_texts_have_a_shingle() -> None:
    for text, count in (("", 1), ("one two", 1), ("a b c d e", 1), ("a b c d e f", 2)):
        assert len(hashed(text)) == len(shingles(text)) == count
