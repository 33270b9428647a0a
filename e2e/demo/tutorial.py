"""Which commands does the tutorial tell its reader to type?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Chapter:
    """A section of the tutorial with the shell blocks in it. Blocks of other languages are there to be read."""

    title: str
    blocks: tuple[str, ...]


HEADING = re.compile(r"^## +(.+?) *$")
FENCE = re.compile(r"^```(\w*) *$")


def chapters(text: str) -> list[Chapter]:
    """Return the tutorial's `##` sections that hold fenced `sh` blocks, in order.

    Raises ValueError for a fence that is never closed, because everything after it would be lost in silence.
    """
    found: list[tuple[str, list[str]]] = [("", [])]
    language: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        if language is not None:
            if line.rstrip() == "```":
                if language == "sh":
                    found[-1][1].append("\n".join(lines))
                language = None
            else:
                lines.append(line)
        elif fence := FENCE.match(line):
            language, lines = fence[1], []
        elif heading := HEADING.match(line):
            found.append((heading[1], []))
    if language is not None:
        raise ValueError(f"the fenced block under {found[-1][0]!r} is never closed: add a line with ```")
    return [Chapter(title, tuple(blocks)) for title, blocks in found if blocks]


def read(path: Path) -> list[Chapter]:
    """Return the chapters of the tutorial in `path`."""
    return chapters(path.read_text())
