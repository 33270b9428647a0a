"""Which text do both pipelines read? Sources and documentation of pinned packages: made once, kept in the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from e2e.setup import cache

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "bench-text.lock"
SUFFIXES = {".c", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".md", ".py", ".pyi", ".pyx", ".rst", ".txt"}
SHARD_BYTES = 8_000_000
"""So that there are more shards than any machine of one user has cores, all alike."""


@dataclass(frozen=True)
class Text:
    """A folder of JSON lines with an empty `prompt` and a `completion`: a file of a package, whole."""

    folder: Path
    rows: int
    bytes: int
    """Of the texts alone, in UTF-8."""


def collected() -> Text:
    """Return the whole text, made where it is missing."""

    def make(out: Path) -> None:
        with tempfile.TemporaryDirectory(dir=out) as packages:
            unpack(LOCK, Path(packages))
            write(found(Path(packages)), out)

    return counted(cache.stored("bench-text", cache.content_key(LOCK, Path(__file__)), make))


def unpack(lock: Path, folder: Path) -> None:
    """Unpack the packages of `lock` into `folder`; nothing of them is run."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--no-deps", "--no-build", "--require-hashes"]
    environment = os.environ | {"UV_CACHE_DIR": str(cache.root() / "uv")}
    told = [*command, "--python", sys.executable, "--target", str(folder), "-r", str(lock)]
    subprocess.run(told, env=environment, check=True)


def found(folder: Path) -> Iterator[str]:
    """Yield the texts below `folder`, in the order of their paths."""
    for file in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if text.strip() and "\0" not in text:
            yield text


def write(texts: Iterable[str], out: Path) -> None:
    """Write `texts`, one a line, to `out/00000.jsonl` and on."""
    lines = (json.dumps({"prompt": "", "completion": text}, ensure_ascii=False).encode() + b"\n" for text in texts)
    for number, first in enumerate(lines):
        with (out / f"{number:05d}.jsonl").open("wb") as file:
            size = file.write(first)
            while size < SHARD_BYTES and (line := next(lines, None)) is not None:
                size += file.write(line)


def rows(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the id (file and line) and the text of each row in `folder`, in order."""
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{file.name}:{number}", json.loads(line)["completion"]


def counted(folder: Path) -> Text:
    """Return `folder` with what it holds."""
    sizes = [len(text.encode()) for _, text in rows(folder)]
    return Text(folder, len(sizes), sum(sizes))


def part(whole: Text, every: int, out: Path) -> Text:
    """Write each `every`th row of `whole` into `out` and return that."""
    out.mkdir()
    write((text for _, text in islice(rows(whole.folder), 0, None, every)), out)
    return counted(out)
