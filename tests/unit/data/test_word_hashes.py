"""Has each word its own hash, the same wherever it stands?"""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_data import word_hashes as of
from slipway_data.word_hashes import AT_ONCE, BASE, MODULUS, WORD, word_hashes

parts = st.sampled_from(["the", " ", "\n", "Größe", "e\u0301", "日本", "+=", "a_b", "\u2028", "😀", "\0"])
texts = st.one_of(st.text(max_size=300), st.lists(parts, max_size=80).map("".join))


def words(text: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFC", text))


def alone(text: str) -> list[int]:
    """Return the hash of each word of `text`, as one that is a text of its own has it."""
    return [int(number) for word in words(text) for number in word_hashes(word)]


@settings(deadline=None)  # the first text that is not ASCII waits for a table
@given(texts)
def test_words_are_those_of_the_pattern_and_hashed_alike_wherever_they_stand(text: str) -> None:
    assert list(map(int, word_hashes(text))) == alone(text)


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_where_pieces_are_cut_makes_no_difference(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(piece)
    made = ["".join(rng.choices("ab_1 \n+ß😀", k=rng.randrange(40))) for _ in range(300)]
    wanted = [list(word_hashes(text)) for text in made]
    monkeypatch.setattr(of, "AT_ONCE", piece)
    assert [list(word_hashes(text)) for text in made] == wanted


def test_a_word_may_be_longer_than_a_piece() -> None:
    long = "x" * (2 * AT_ONCE + 3)
    first, last = word_hashes(f"  {long} {long[1:]}")
    assert first == word_hashes(long)[0]
    assert last == word_hashes(long[1:])[0]
    assert first != last


def test_a_hash_is_the_polynomial_that_it_is_said_to_be() -> None:
    def spread(number: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            number = (number ^ number >> 33) * factor % MODULUS
        return number ^ number >> 33

    wanted = spread(sum((ord(character) + 1) * BASE**at for at, character in enumerate("añ1")) % MODULUS)
    assert list(map(int, word_hashes("añ1"))) == [wanted]


def test_different_words_have_different_hashes() -> None:
    made = {f"{a}{b}" for a in ("", "x", "get", "_", "0") for b in range(40_000)}
    text = " ".join(sorted(made))
    assert len(set(word_hashes(text).tolist())) == len(set(words(text))) > 190_000
