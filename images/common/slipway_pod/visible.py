"""How is a text that may be hostile shown to a person, whole or in part?

Escaping is the template's work. Here control and format characters (among them those that turn the direction of text
or hide it) become visible, which XML and a reader's eye both need, and long texts and lines are cut.
"""

from __future__ import annotations

import unicodedata

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
LINE = 300
TEXT = 1_500


def visible(text: str, limit: int = TEXT, line: int = LINE) -> str:
    """Return `text` with nothing invisible in it, at most `limit` characters of it, and of each line at most `line`."""
    cut = _cut(text, limit)
    return "\n".join("".join(map(_shown, _cut(one, line))) for one in cut.split("\n"))


def one_line(text: str, limit: int = LINE) -> str:
    """Return `text` as one line: what would end it becomes visible too."""
    return "".join(map(_shown, _cut(text.replace("\n", "\u2028"), limit))).replace(_shown("\u2028"), "⏎")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit} characters more)"


def _shown(character: str) -> str:
    if character == "\t" or unicodedata.category(character) not in HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"
