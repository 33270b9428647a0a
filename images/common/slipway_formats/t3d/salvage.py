"""What of a T3D text can be used, where not all of it is well formed?

The text is cut into its top-level blocks, and each is read by itself: what is wrong with one costs no other. Nothing
is filled in: a node with a pin less would be another node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from slipway_formats.t3d.apart import apart
from slipway_formats.t3d.errors import T3DError
from slipway_formats.t3d.model import Graph, Object
from slipway_formats.t3d.parse import BEGIN, COMMENTS, CUSTOM, END, PROPERTY, THE_END, parse

NAME = re.compile(r'\bName=(?:"([^"]+)"|([^"\s]+))')
PIN_NAME = re.compile(r'CustomProperties\s+Pin\b.*?\bPinName="([^"]+)"')


@dataclass(frozen=True)
class Broken:
    """What cannot be used: a node, or lines between nodes."""

    error: T3DError
    node: str | None = None
    """The node's name, empty where none can be read; None for lines between nodes."""
    pin: str = ""
    """The name of the pin that is wrong, where it is one."""


@dataclass(frozen=True)
class Salvaged:
    """The graphs of a text, and what of it is in none of them."""

    graphs: tuple[Graph, ...]
    broken: tuple[Broken, ...] = ()


def salvaged(text: str) -> Salvaged:
    """Return what can be used of `text`: where `parse` gives a graph, that graph.

    Where names come again, there is more than one graph. Raises the T3DError of `parse` where nothing can be used.
    """
    try:
        return Salvaged((parse(text),))
    except T3DError:
        nodes, broken = _nodes(text)
        if not nodes:
            raise
        return Salvaged(tuple(apart(nodes)), tuple(broken))


@dataclass
class _Chunk:
    """Lines that stand together: a top-level block, or what is between two of them."""

    line: int
    is_block: bool
    lines: list[str] = field(default_factory=list)
    depth: int = 0
    """How many blocks are open at its end."""

    @property
    def indent(self) -> int:
        """How far right it begins."""
        return _indent(self.lines[0])

    def add(self, raw: str) -> None:
        """Take a line."""
        self.lines.append(raw)
        line = raw.strip()
        self.depth = max(0, self.depth + _begins(line) - (END.fullmatch(line) is not None))

    def has(self, raw: str) -> bool:
        """Tell whether the line `raw`, which is the next one, is inside of it."""
        line = raw.strip()
        if _begins(line):
            return self.depth > 0 and not self._left_open(raw)
        return self.depth > 0 or not self.is_block or not _says(line)

    def read(self) -> Object | Broken:
        """Return the node that it is, or what is wrong with it."""
        try:
            node = parse("\n".join(self.lines), self.line).objects[0]
        except T3DError as error:
            return self._broken(error)
        end = max(at for at, raw in enumerate(self.lines) if _says(raw.strip()))
        if _indent(self.lines[end]) == self.indent:
            return node
        expected = f"an End Object that is indented as its Begin Object in line {self.line}"
        return self._broken(T3DError(self.line + end, expected, "that of another block"))

    def _broken(self, error: T3DError) -> Broken:
        if not self.is_block:
            return Broken(error)
        name = NAME.search(self.lines[0])
        pin = None if error.found == THE_END else PIN_NAME.search(self.lines[error.line - self.line])
        return Broken(error, (name[1] or name[2]) if name else "", pin[1] if pin else "")

    def _left_open(self, raw: str) -> bool:
        """Tell whether the line `raw`, which begins a block, is in none that is open, for it stands too far left.

        Only where indentation means something: what this block holds must stand farther right than it.
        """
        held = next((line for line in self.lines[1:] if line.strip()), "")
        return _indent(raw) <= self.indent < _indent(held)


def _nodes(text: str) -> tuple[list[Object], list[Broken]]:
    nodes, broken = list[Object](), list[Broken]()
    for chunk in _chunks(text.splitlines()):
        match chunk.read():
            case Object() as node:
                nodes.append(node)
            case Broken() as left:
                broken.append(left)
    return nodes, broken


def _chunks(lines: Sequence[str]) -> list[_Chunk]:
    flat = len({_indent(raw) for raw in lines if _says(raw.strip())}) == 1
    found: list[_Chunk] = []
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if found and found[-1].has(raw):
            found[-1].add(raw)
        elif found and found[-1].is_block and any(form.fullmatch(line) for form in (END, CUSTOM, PROPERTY)):
            # Of a block that ended too early, or whose beginning was missed: what it holds was taken for nodes.
            _join(found, _indent(raw) + (END.fullmatch(line) is not None and not flat))
            found[-1].add(raw)
        elif _says(line):
            found.append(_Chunk(number, _begins(line)))
            found[-1].add(raw)
    return found


def _join(chunks: list[_Chunk], indent: int) -> None:
    """Make one of the last of `chunks` and the blocks before it that begin at `indent` or farther right."""
    first = len(chunks) - 1
    while first > 0 and chunks[first - 1].is_block and chunks[first - 1].indent >= indent:
        first -= 1
    for chunk in chunks[first + 1 :]:
        chunks[first].lines += chunk.lines
    del chunks[first + 1 :]


def _begins(line: str) -> bool:
    return BEGIN.match(line) is not None


def _says(line: str) -> bool:
    return bool(line) and not line.startswith(COMMENTS)


def _indent(line: str) -> int:
    expanded = line.expandtabs()
    return len(expanded) - len(expanded.lstrip())
