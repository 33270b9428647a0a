"""Is each character of the kind that patterns and strings say?"""

from __future__ import annotations

import sys

from slipway_data.characters import ASCII_KINDS, LETTER, SIGN, SPACE, codes_of, kinds_of


def test_every_character_is_of_the_kind_that_strings_say() -> None:
    codes = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]  # no text has half a character
    every = list(map(chr, codes))
    kinds = [LETTER if c.isalnum() or c == "_" else SPACE if c.isspace() else SIGN for c in every]
    found = codes_of("".join(every))
    assert found.tolist() == codes
    assert kinds_of(found).tolist() == kinds
    assert list(ASCII_KINDS) == kinds[:128] + [SPACE] * 128
