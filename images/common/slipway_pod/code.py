"""Which code is this? What another code made of the same bytes may be something else."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType


def digest(packages: Sequence[ModuleType], libraries: Sequence[str]) -> str:
    """Return a digest of the sources of `packages`, the versions of `libraries`, and the Python that runs them."""
    files = [
        [package.__name__, path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()]
        for package in packages
        for root in map(Path, package.__path__)
        for path in sorted(root.rglob("*.py"))
    ]
    parts = [sys.version, [[name, metadata.version(name)] for name in libraries], files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
