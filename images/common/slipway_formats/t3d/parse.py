"""What does a T3D text say?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from slipway_formats.t3d import values
from slipway_formats.t3d.errors import T3DError
from slipway_formats.t3d.model import Custom, Graph, Object, Property

PROPERTY = re.compile(r"""("(?:[^"\\]|\\.)+"|[A-Za-z_][\w.:-]*)(\(\d+\)|\[\d+\])?=(.*)""", re.DOTALL)
CUSTOM = re.compile(r"CustomProperties\s+(\w+)\s+(.*)", re.DOTALL)
BEGIN = re.compile(r"Begin\s+Object\b")
END = re.compile(r"End\s+Object")
COMMENTS = (";", "//")
DEPTH_LIMIT = 64
SHOWN = 60
THE_END = "the end of the text"
"""What an error has found where something is missing at the end."""


@dataclass
class _Open:
    """A block whose `End Object` has not come yet."""

    header: tuple[tuple[str, str], ...]
    line: int
    body: list[Property | Custom | Object] = field(default_factory=list)


def parse(text: str, first: int = 1) -> Graph:
    """Return the graph that `text` describes; raise T3DError when it is not T3D, or holds no object.

    `first` is the number of its first line, where it stands in a longer text. Links are not checked here: a copied
    selection may well point at nodes that were left behind.
    """
    done: list[Object] = []
    names: dict[str, int] = {}
    stack: list[_Open] = []
    number = first
    for number, raw in enumerate(text.splitlines(), start=first):
        line = raw.strip()
        if not line or line.startswith(COMMENTS):
            continue
        if BEGIN.match(line):
            if len(stack) >= DEPTH_LIMIT:
                raise T3DError(number, f"at most {DEPTH_LIMIT} blocks inside each other", "one more Begin Object")
            stack.append(_Open(_header(line, number), number))
        elif END.fullmatch(line):
            if not stack:
                raise T3DError(number, "Begin Object", "End Object")
            block = stack.pop()
            made = Object(block.header, tuple(block.body), block.line)
            if stack:
                stack[-1].body.append(made)
                continue
            if made.name and (first := names.setdefault(made.name, made.line)) != made.line:
                raise T3DError(made.line, "a name of its own", f"{made.name!r}, which line {first} has already")
            done.append(made)
        elif not stack:
            raise T3DError(number, "Begin Object", _shown(line))
        else:
            stack[-1].body.append(_member(line, number))
    if stack:
        raise T3DError(number, f"End Object for the block of line {stack[-1].line}", THE_END)
    if not done:
        raise T3DError(number, "Begin Object", THE_END)
    return Graph(tuple(done))


def _header(line: str, number: int) -> tuple[tuple[str, str], ...]:
    rest = BEGIN.sub("", line, count=1).strip()
    try:
        parts = values.split(rest, " ")
    except values.Unclosed as error:
        raise T3DError(number, error.expected, f"{_shown(rest[error.column :])} up to the end of the line") from None
    found = []
    for part in filter(None, parts):
        key, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z]\w*", key) or not value:
            raise T3DError(number, "Key=Value after Begin Object", _shown(part))
        found.append((key, value))
    if not any(key in {"Name", "Class"} for key, _ in found):
        raise T3DError(number, "Name or Class after Begin Object", _shown(rest) if rest else "nothing")
    return tuple(found)


def _member(line: str, number: int) -> Property | Custom:
    custom = CUSTOM.fullmatch(line)
    if custom is not None:
        return Custom(custom[1], _fields(custom[2].strip(), number), number)
    match = PROPERTY.fullmatch(line)
    if match is None:
        raise T3DError(number, "Key=Value, CustomProperties, Begin Object or End Object", _shown(line))
    value = match[3].strip()
    _balanced(value, number)
    return Property(values.unquoted(match[1]) + (match[2] or ""), value, number)


def _fields(text: str, number: int) -> tuple[tuple[str, str], ...]:
    _balanced(text, number)
    if not values.is_struct(text):
        raise T3DError(number, "(…) after CustomProperties", _shown(text))
    found = tuple(values.fields(text))
    for key, value in found:
        if not key:
            raise T3DError(number, "Key=Value inside the parentheses", _shown(value) if value else "an empty field")
    return found


def _balanced(text: str, number: int) -> None:
    try:
        for _ in values.scan(text):
            pass
    except values.Unclosed as error:
        raise T3DError(number, error.expected, f"{_shown(text[error.column :])} up to the end of the line") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
