"""Which real text does a bench work on, when nothing may be downloaded? What every machine with this checkout has."""

from __future__ import annotations

import gzip
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = 8
"""Files that the corpus is cut into, so that its readers may share it."""
TEXTS = (".c", ".cfg", ".css", ".h", ".hpp", ".html", ".js", ".json", ".md", ".pl", ".pm", ".pod", ".pxd", ".py",
         ".pyi", ".pyx", ".rst", ".toml", ".txt", ".yaml")  # fmt: skip
NAMES = ("copyright", "changelog.gz", "changelog.Debian.gz", "NEWS.gz", "README", "README.gz", "LICENSE")
LARGEST = 1_000_000
"""Bytes of the largest file taken: what is larger is mostly data."""


@dataclass(frozen=True)
class Corpus:
    """Documents as JSON lines with prompt (where it is from) and completion (its text)."""

    folder: Path
    rows: int
    bytes: int


def roots() -> list[Path]:
    """Return the folders that are read, the first ones first: packages of this environment, Python's own, Debian's."""
    debian = ("/usr/share/doc", "/usr/share/perl", "/usr/include")
    found = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib")), *map(Path, debian)]
    found += [Path(folder) for folder in sys.path if folder.startswith("/usr/lib")]
    return list(dict.fromkeys(folder.resolve() for folder in found if folder.is_dir()))


def collect(folder: Path, wanted: int, places: list[Path]) -> Corpus:
    """Write documents of at least `wanted` bytes of text below `places` into `folder`; raise ValueError without enough.

    Files come in the order of their paths, so the corpus is the same as long as the machine's packages are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outs = [(folder / f"{part:02d}.jsonl").open("w", encoding="utf-8") for part in range(PARTS)]
    rows = size = 0
    try:
        for path, text in _documents(places):
            outs[rows % PARTS].write(json.dumps({"prompt": path, "completion": text}, ensure_ascii=False) + "\n")
            rows += 1
            size += len(text.encode())
            if size >= wanted:
                return Corpus(folder, rows, size)
    finally:
        for out in outs:
            out.close()
    raise ValueError(f"{size >> 20} MiB of text lie below {', '.join(map(str, places))}: install more, or ask for less")


def _documents(places: list[Path]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[int, int]] = set()
    for place in places:
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                file = Path(folder, name)
                if not (name.endswith(TEXTS) or name in NAMES) or file.is_symlink():
                    continue
                status = file.stat()
                if status.st_size > LARGEST or (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                if text := _text(file):
                    yield file.relative_to(place).as_posix(), text


def _text(file: Path) -> str:
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        return content.decode()
    except (OSError, UnicodeDecodeError, EOFError):
        return ""
