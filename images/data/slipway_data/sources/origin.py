"""What does a source give?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from slipway_data.raw import RawFile


@dataclass(frozen=True)
class Origin:
    """The files of a source, in the order in which they are to be read, and where they were found."""

    files: tuple[RawFile, ...]
    revision: str = ""
    """The commit that was read, where there is one."""
    done: Callable[[], None] = lambda: None
    """To be called when everything is read and published: what was kept for a pod that goes on may go."""

    @classmethod
    def of(cls, files: Iterable[RawFile], revision: str = "", done: Callable[[], None] = lambda: None) -> Self:
        """Return `files` in their order."""
        return cls(tuple(sorted(files, key=lambda file: file.path)), revision, done)
