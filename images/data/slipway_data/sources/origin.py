"""What does a source give?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from slipway.contract.artifact import digest_of
from slipway_data.raw import RawFile
from slipway_data.rows import Rejected


@dataclass(frozen=True)
class Origin:
    """The files of a source, in the order in which they are to be read, and where they were found."""

    files: tuple[RawFile, ...]
    revision: str = ""
    """The commit that was read, where there is one."""
    known: str = ""
    """The digest of the files, where somebody else has them."""
    done: Callable[[], None] = lambda: None
    """To be called when everything is read and published: what was kept for a pod that goes on may go."""
    licences: Mapping[str, str] = field(default_factory=dict)
    """What the source itself states of the licences of folders, as SPDX names them, or NOASSERTION."""
    left_out: tuple[Rejected, ...] = ()
    """What the source has and does not give."""

    @classmethod
    def of(
        cls,
        files: Iterable[RawFile],
        revision: str = "",
        done: Callable[[], None] = lambda: None,
        known: str = "",
        licences: Mapping[str, str] | None = None,
        left_out: Iterable[Rejected] = (),
    ) -> Self:
        """Return `files`, and what is `left_out`, in their order."""
        files = tuple(sorted(files, key=lambda file: file.path))
        refused = tuple(sorted(left_out, key=lambda entry: entry.id))
        return cls(files, revision, known, done, licences or {}, refused)

    @property
    def digest(self) -> str:
        """What changes when a file comes, goes or changes."""
        return self.known or digest_of(sorted([_written(file.path), file.identity] for file in self.files))


def _written(path: str) -> str:
    """Return `path` as text that can be encoded: names on a volume may be any bytes."""
    return path.encode(errors="backslashreplace").decode()
