"""How good is a text, on a scale of 0 to 100, and what is the matter with it?

100 points, less what each part costs. A part measures one thing; up to `fine` it costs nothing, from `bad` on its whole
`cost`, and evenly more in between. What prose is measured by, and where it stops being fine, is from Gopher (Rae et al.
2021, table A1) and C4 (Raffel et al. 2020, section 2.2); what code is measured by from StarCoder (Li et al. 2023,
section 3). Whole numbers only, so the score of a text is the same everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LOOKED_AT = 200_000
"""Characters that are judged. More would not change what is thought of a text."""
TELLING = 40
"""Characters, white space left out, from which a text is judged: in fewer, all that is measured is chance."""
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Letters of scripts that put no space between words, so that each is taken for a word."""
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
"""Signs that are parts of words, which re does not take for letters: vowels of India's scripts, points, accents."""
WORD = re.compile(rf"[{SPACELESS}]|(?:[^\W{SPACELESS}]|[{MARKS}])+")
COMMON = frozenset(".,;:!?'\"()-\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u3001\u3002\uff0c\uff01\uff1f\u0964")
"""Signs that prose is full of."""
ENDS = (".", "!", "?", ":", ";", '"', "'", ")", "\u2019", "\u201d", "\u3002", "\uff01", "\uff1f", "\u0964")
CUT_SHORT = ("...", "\u2026")
WORDS_OF_A_LINE = 5
"""A line with fewer is a heading or an item, which need no end."""
CODE_LINE = re.compile(
    r"""\s*(?:
        [\w.\[\]"'@]+(?:\s*[-+*/|&%:]?=|\()                                    # an assignment, a call
        |(?:def|class|if|elif|else|for|while|try|except|finally|with)\b.*:\s*$  # a block of Python
        |(?:import\ [\w.]+|from\ [\w.]+\ import\b)
        |(?:return|const|let|var|function|public|private|static|void|struct|enum)\b[^.]*$
        |(?:Begin|End)\ Object\b|CustomProperties\b                             # Unreal's clipboard text
        |[)\]}>]+[;,)]*\s*$
        |//|/\*|\#include
        |.*[;{}]\s*$
    )""",
    re.VERBOSE,
)
COMMENT = re.compile(r"\s*#")
"""A comment of Python and a heading of Markdown look the same, and tell nothing."""
DATA = re.compile(r"[A-Za-z0-9+/=_-]{80,}|(?:\\x[0-9A-Fa-f]{2}){20,}")
"""What somebody encoded: no identifier is so long."""


@dataclass(frozen=True)
class Text:
    """A text taken apart, as its parts are measured."""

    whole: str
    lines: Sequence[str]
    """Without white space around them, those that are empty left out."""
    words: Sequence[str]


@dataclass(frozen=True)
class Part:
    """One thing that is measured, in permille or as `measure` says. `fine` may lie above `bad`."""

    name: str
    measure: Callable[[Text], int]
    fine: int
    bad: int
    cost: int

    def costs(self, text: Text) -> int:
        """Return how many points `text` loses here."""
        over, whole = self.measure(text) - self.fine, self.bad - self.fine
        if whole < 0:
            over, whole = -over, -whole
        return min(max(over, 0), whole) * self.cost // whole


@dataclass(frozen=True)
class Quality:
    """How good a text is, and what it lost points for, the most first."""

    score: int
    costs: tuple[tuple[str, int], ...] = ()

    @property
    def reasons(self) -> str:
        """What cost most, in words: `RepeatedLines 40, Symbols 12`."""
        return ", ".join(f"{name} {points}" for name, points in self.costs[:3])


def quality(text: str) -> Quality:
    """Return how good `text` is; of one that is very short there is nothing to say, so it has all points."""
    if sum(map(len, text[:LOOKED_AT].split())) < TELLING:
        return Quality(100)
    taken = taken_apart(text[:LOOKED_AT])
    measured = ((part.name, part.costs(taken)) for part in (CODE if is_code(taken.lines) else PROSE))
    costs = tuple(sorted(((n, points) for n, points in measured if points), key=lambda found: (-found[1], found[0])))
    return Quality(max(0, 100 - sum(points for _, points in costs)), costs)


def taken_apart(text: str) -> Text:
    """Return the lines and words of `text`."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    return Text(text, lines, WORD.findall(text.lower()))


def is_code(lines: Sequence[str]) -> bool:
    """Tell whether more than half of the lines that tell anything look like code."""
    telling = [line for line in lines if not COMMENT.match(line)]
    return sum(CODE_LINE.match(line) is not None for line in telling) * 2 > len(telling)


# What is measured


def repeated_lines(text: Text, least: int = 1) -> int:
    """Return the permille of characters in lines that were there before; those shorter than `least` are left out."""
    lines = [line for line in text.lines if len(line) >= least]
    seen: set[str] = set()
    again = 0
    for line in lines:
        if line in seen:
            again += len(line)
        seen.add(line)
    return _permille(again, sum(map(len, lines)))


def repeated_words(text: Text, run: int) -> int:
    """Return the permille of words in runs of `run` words that were there before."""
    seen: set[tuple[str, ...]] = set()
    covered = end = 0
    for at in range(len(text.words) - run + 1):
        words = tuple(text.words[at : at + run])
        if words in seen:
            covered += at + run - max(at, end)
            end = at + run
        seen.add(words)
    return _permille(covered, len(text.words))


def symbols(text: Text) -> int:
    """Return the permille of characters that are neither letters, digits nor signs of prose; white space is left out.

    Marks are parts of letters in some scripts.
    """
    shown = "".join(text.whole.split())
    return _permille(sum(not (char.isalnum() or char in COMMON or _mark(char)) for char in shown), len(shown))


def unended_lines(text: Text) -> int:
    """Return the permille of lines of some words that end in no sign of an end, or are cut short; none of under 3."""
    lines = [line for line in text.lines if line.count(" ") >= WORDS_OF_A_LINE - 1]
    if len(lines) < 3:
        return 0
    return _permille(sum(not line.endswith(ENDS) or line.endswith(CUT_SHORT) for line in lines), len(lines))


def word_length(text: Text) -> int:
    """Return ten times the mean length of words; 50 where there are none that are written with spaces."""
    lengths = [len(word) for word in text.words if not _spaceless(word)]
    return sum(lengths) * 10 // len(lengths) if lengths else 50


def words_without_letters(text: Text) -> int:
    """Return the permille of what stands between white space that has no letter."""
    found = text.whole.split()
    return _permille(sum(not any(map(str.isalpha, word)) for word in found), len(found))


def data(text: Text) -> int:
    """Return the permille of characters that are encoded data."""
    return _permille(sum(len(run) for run in DATA.findall(text.whole)), len(text.whole))


def letters(text: Text) -> int:
    """Return the permille of characters that are letters, white space left out; all of none."""
    shown = "".join(text.whole.split())
    return _permille(sum(map(str.isalpha, shown)), len(shown)) if shown else 1000


def _permille(part: int, whole: int) -> int:
    return part * 1000 // whole if whole else 0


def _mark(char: str) -> bool:
    return not char.isascii() and unicodedata.category(char).startswith("M")


def _spaceless(word: str) -> bool:
    return len(word) == 1 and re.match(f"[{SPACELESS}]", word) is not None


def _of(measure: Callable[[Text, int], int], number: int) -> Callable[[Text], int]:
    return lambda text: measure(text, number)


PROSE = (
    Part("RepeatedLines", _of(repeated_lines, 1), 200, 600, 40),
    Part("RepeatedWords", _of(repeated_words, 5), 150, 600, 40),
    Part("Symbols", symbols, 100, 400, 40),
    Part("LineEndings", unended_lines, 500, 1000, 20),
    Part("ShortWords", word_length, 30, 15, 30),
    Part("LongWords", word_length, 100, 150, 30),
    Part("WordsWithoutLetters", words_without_letters, 200, 600, 30),
)
CODE = (
    Part("RepeatedLines", _of(repeated_lines, 10), 300, 800, 40),
    Part("RepeatedWords", _of(repeated_words, 10), 600, 950, 30),
    Part("Data", data, 50, 400, 50),
    Part("Letters", letters, 400, 200, 40),
)


def names() -> Iterator[str]:
    """Yield the name of every part, each once."""
    yield from dict.fromkeys(part.name for part in (*PROSE, *CODE))
