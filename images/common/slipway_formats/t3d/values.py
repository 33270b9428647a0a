"""How is a raw T3D value taken apart?"""

from __future__ import annotations

import re
from collections.abc import Iterator

GUID = re.compile(r"[0-9A-Fa-f]{32}")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class Unclosed(ValueError):
    """A quote or parenthesis has no partner."""

    def __init__(self, expected: str, column: int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.column = column


def scan(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield position, character and depth of every character outside quotes; raise Unclosed when unbalanced.

    Double quotes hold escaped strings, single quotes object paths (which may hold double quotes themselves).
    """
    opened: list[int] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            end = _closing(text, at)
        elif char == "'":
            end = text.find("'", at + 1)
            if end < 0:
                raise Unclosed("a closing '", at)
        else:
            end = at
            if char == "(":
                opened.append(at)
            yield at, char, len(opened)
            if char == ")":
                if not opened:
                    raise Unclosed("no further ')'", at)
                opened.pop()
        at = end + 1
    if opened:
        raise Unclosed("')'", opened[-1])


def _closing(text: str, start: int) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            return at
        at += 1
    raise Unclosed("a closing double quote", start)


def split(text: str, separator: str = ",") -> list[str]:
    """Return the parts of `text` between separators outside quotes and parentheses; an empty last part is left out."""
    cuts = [at for at, char, depth in scan(text) if char == separator and depth == 0]
    parts = [text[a:b].strip() for a, b in zip([0, *(c + 1 for c in cuts)], [*cuts, len(text)], strict=True)]
    return parts[:-1] if parts and parts[-1] == "" else parts


def is_struct(text: str) -> bool:
    """Tell whether `text` is a value in parentheses."""
    return text.startswith("(") and text.endswith(")")


def fields(text: str) -> list[tuple[str, str]]:
    """Return keys and raw values of a struct `(a=1,b=(c=2),)`; a part without `=` has an empty key."""
    found = []
    for part in split(text[1:-1]):
        equals = next((at for at, char, depth in scan(part) if char == "=" and depth == 0), None)
        found.append(("", part) if equals is None else (unquoted(part[:equals].strip()), part[equals + 1 :].strip()))
    return found


def struct(parts: list[tuple[str, str]]) -> str:
    """Return the text of a struct, the way Unreal writes pins: a comma after every part."""
    return "(" + "".join(f"{key}={value}," if key else f"{value}," for key, value in parts) + ")"


def unquoted(text: str) -> str:
    """Return the string that a quoted `text` means; other text as it is."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)


def quoted(text: str) -> str:
    """Return `text` as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def last_name(path: str) -> str:
    """Return the last name of an object path: `/Script/CoreUObject.Class'/Script/Engine.Actor'` gives Actor."""
    return re.split(r"[./:]", last_path(path))[-1]


def last_path(path: str) -> str:
    """Return what stands inside the quotes of an object path: `EdGraphPin'Node_1.Pin_2'` gives Node_1.Pin_2."""
    return path.replace('"', "").rstrip("'").rpartition("'")[2]
