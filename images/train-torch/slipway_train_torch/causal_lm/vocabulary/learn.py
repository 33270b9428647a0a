"""Which words of a text are worth a token of their own?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from slipway.api.vocabulary import LearnedTokens

WORD = re.compile(r"\w{3,}")
"""Names and words; what is shorter is spelt in few pieces anyway."""
LONGEST = 128


def learned(texts: Iterable[str], tokenizer: Any, rule: LearnedTokens) -> tuple[str, ...]:
    """Return the words of `texts` that save most tokens when each is one, the best first, `rule.count` at most.

    A word saves as many as it has pieces but one, wherever it stands; behind a space it is counted with the space,
    which a new token does not swallow. Of equal savings, the word that is first in the alphabet wins.
    """
    seen = Counter(word for text in texts for word in WORD.findall(text) if len(word) <= LONGEST)
    often = sorted(word for word, count in seen.items() if count >= rule.min_occurrences)
    if not often:
        return ()
    alone = _pieces(often, tokenizer)
    spaced = _pieces([f" {word}" for word in often], tokenizer)
    saved = {word: seen[word] * min(one - 1, other - 2) for word, one, other in zip(often, alone, spaced, strict=True)}
    worth = sorted((word for word in often if saved[word] > 0), key=lambda word: (-saved[word], word))
    return tuple(worth[: rule.count])


def _pieces(texts: list[str], tokenizer: Any) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
