"""How do new tokens get into the vocabulary of a GGUF file?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gguf

TOKENS, TYPES, SCORES = gguf.Keys.Tokenizer.LIST, gguf.Keys.Tokenizer.TOKEN_TYPE, gguf.Keys.Tokenizer.SCORES
SIZE = ".vocab_size"
USER_DEFINED, UNUSED = int(gguf.TokenType.USER_DEFINED), int(gguf.TokenType.UNUSED)
"""llama.cpp finds user-defined tokens in a text before anything else, as transformers finds added ones."""


def with_tokens(name: str, value: Any, new_tokens: Mapping[int, str]) -> Any:
    """Return the value of field `name` of a GGUF file, with the tokens `new_tokens` (by number) added to `value`.

    Numbers may leave gaps to those that are there already, and may take the place of unused ones.
    """
    if not new_tokens:
        return value
    size = max(new_tokens) + 1
    if name.endswith(SIZE):
        return max(value, size)
    if name not in (TOKENS, TYPES, SCORES):
        return value
    made = list(value)
    for number in range(len(made), size):
        made.append({TOKENS: f"[PAD{number}]", TYPES: UNUSED, SCORES: -1000.0}[name])
    for number, text in new_tokens.items():
        made[number] = {TOKENS: text, TYPES: USER_DEFINED, SCORES: -1000.0}[name]
    return made
