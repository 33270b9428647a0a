"""What do both sides of a bench do? The numbers that they share, as one file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Numbers:
    """A plan that is handed to another process."""

    def write(self, file: Path) -> Path:
        """Write it into `file` and return that."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return file

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what is in `file`."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))
