"""Where does a text have the words that its owner calls private?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slipway.api.dataset_redact import OwnWords

TOKEN = re.compile(r"\w+")
PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*>")
"""What stands for something that was replaced before: a word inside it is ours, not the text's."""


@dataclass(frozen=True)
class _Word:
    """One word of a kind: how it is found, and how far before its first letters it begins."""

    kind: str
    pattern: re.Pattern[str]
    before: int
    length: int


class OwnReplacer:
    """Replaces all words of `own` in a text, and tells `counted` the kind of each.

    Words are whole: no letter, digit or underscore stands beside them. Where several begin at one place, the longest is
    taken; a space in a word is any white space. Time does not grow with how many words there are.
    """

    def __init__(self, own: Sequence[OwnWords], counted: Callable[[str], None]) -> None:
        self._counted = counted
        self._known: dict[str, list[_Word]] = {}
        for one in own:
            for word in one.words:
                first = TOKEN.search(word)
                assert first is not None, "the API takes no word without a letter or digit"
                made = _Word(one.name, _pattern(word, one.ignore_case), first.start(), len(word))
                self._known.setdefault(first[0].casefold(), []).append(made)
        for words in self._known.values():
            words.sort(key=lambda word: -word.length)

    def __call__(self, text: str) -> str:
        """Return `text` with each of the words replaced by the name of its kind."""
        parts, end = [], 0
        for token in TOKEN.finditer(text):
            words = self._known.get(token[0].casefold())
            if words is None or PLACEHOLDER.match(text, token.start() - 1):
                continue
            for word in words:
                begin = token.start() - word.before
                if begin >= end and (found := word.pattern.match(text, begin)):
                    parts += text[end:begin], placeholder(word.kind)
                    end = found.end()
                    self._counted(word.kind)
                    break
        return "".join((*parts, text[end:])) if parts else text


def placeholder(kind: str) -> str:
    """Return what stands for words of `kind`: of GameMaster, <GAME_MASTER>."""
    return f"<{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', kind).upper()}>"


def _pattern(word: str, ignore_case: bool) -> re.Pattern[str]:
    spelled = r"\s+".join(re.escape(part) for part in word.split())
    # A word of signs at its ends may stand beside anything.
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return re.compile(f"{before}{spelled}{after}", re.IGNORECASE if ignore_case else 0)
