"""From which files is an image made? Read off its Dockerfile, so that nothing has to be declared twice."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from e2e.setup import cache


@dataclass(frozen=True)
class Image:
    """A Dockerfile below `images/`, built with the whole repository as its context."""

    name: str
    dockerfile: Path
    context: Path

    def sources(self) -> list[Path]:
        """Return the files and folders that the Dockerfile copies from the repository."""
        return sources(self.dockerfile.read_text(), self.context)

    def arguments(self) -> list[str]:
        """Return `NAME=value` for each ARG of the Dockerfile that the environment sets, like TORCH_FIND_LINKS."""
        lines = (line.split() for line in instructions(self.dockerfile.read_text()))
        names = [words[1].partition("=")[0] for words in lines if words[0].upper() == "ARG"]
        return [f"{name}={os.environ[name]}" for name in names if name != "BASE" and os.environ.get(name)]

    def key(self, base: str) -> str:
        """Return the digest of everything that the image is made from, on the base image `base`."""
        inputs: list[Path | str] = [base, self.dockerfile.read_text(), *self.arguments()]
        for source in self.sources():
            inputs += [source.relative_to(self.context).as_posix(), source]
        return cache.content_key(*inputs)


def find(context: Path) -> list[Image]:
    """Return the images of a repository, by name."""
    return [Image(file.parent.name, file, context) for file in sorted(context.glob("images/*/Dockerfile"))]


def sources(dockerfile: str, context: Path) -> list[Path]:
    """Return what COPY and ADD take from the context; what they take from other stages or images is none of it."""
    found: list[Path] = []
    for line in instructions(dockerfile):
        word, _, rest = line.partition(" ")
        if word.upper() not in {"COPY", "ADD"}:
            continue
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            if flag.startswith("--from="):
                rest = ""
        words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
        for pattern in words[:-1]:
            matches = sorted(context.glob(pattern.lstrip("/").removeprefix("./")))
            if not matches:
                raise SystemExit(f"a Dockerfile copies {pattern}, which does not exist below {context}: {line}")
            found += matches
    return found


def instructions(dockerfile: str) -> list[str]:
    """Return the instructions, one per line: comments gone, continued lines joined."""
    joined: list[str] = []
    continued = False
    for raw in dockerfile.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if continued:
            joined[-1] += " " + line.removesuffix("\\").strip()
        else:
            joined.append(line.removesuffix("\\").strip())
        continued = line.endswith("\\")
    return joined
