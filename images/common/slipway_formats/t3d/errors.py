"""What is wrong with a T3D text, and where?"""

from __future__ import annotations


class T3DError(ValueError):
    """The text is not T3D. `line` counts from 1."""

    def __init__(self, line: int, expected: str, found: str) -> None:
        super().__init__(f"line {line}: expected {expected}, found {found}")
        self.line = line
        self.expected = expected
        self.found = found
