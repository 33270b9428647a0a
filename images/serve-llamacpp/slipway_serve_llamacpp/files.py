"""Which file of a fetched artefact is the one to load?"""

from __future__ import annotations

from pathlib import Path

from slipway_pod.errors import BadConfig


def gguf(path: Path, preferred: str) -> Path:
    """Return `path` itself, or the file of folder `path` called `preferred`, or the only GGUF file there."""
    if path.is_file():
        return path
    if (path / preferred).is_file():
        return path / preferred
    found = sorted(path.rglob("*.gguf"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.relative_to(path).as_posix() for file in found)
    raise BadConfig(
        "NoGGUF",
        f"artefact at {path} has {len(found)} GGUF files{f' ({names})' if found else ''}, llama.cpp needs exactly one, "
        f"or one called {preferred}: export GGUF, or point uri at the file",
    )
