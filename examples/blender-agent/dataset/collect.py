"""Where does the Blender agent's raw data come from?

From the Python package `bpy`, which is Blender: the Python sources that Blender itself runs (add-ons, operators,
panels, templates), each under the licence that its first lines name, most of them GPL-2.0-or-later. pip fetches the
package (370 MB) at a pinned version and checks it against pinned hashes; it is not installed.

    python examples/blender-agent/dataset/collect.py out/raw

writes the sources in their folders, and NOTICE.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

VERSION = "4.5.15"
HASHES = (
    "sha256:19203fb7825b005d2024b2e724d600fc82550a6deea71fbcc4447244df9ea737",
    "sha256:8243b4b13aa62bfa5f5a2aa02e6750c903f6669fbee06d1f3839d22a49016a05",
    "sha256:d2b654d65199385714b608838753afa33dd195e624dd226892febd38df43daf0",
    "sha256:d2c2cf95679b077868a7617b16fcd4c28b254d02549ccd15e1b4e80fa4255533",
    "sha256:f581a22cf852ee4af5aefe3cfd30a3c0eec3315d63c4ca8ed95ac5caf709ac61",
)
"""Of its wheels, one for each system."""
REQUIREMENT = f"bpy=={VERSION} " + " ".join(f"--hash={one}" for one in HASHES)
PYTHON = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64")
"""The package is one for each Python; which one runs this does not matter."""
SKIPPED = ("modules/rna_prop_ui_test", "site-packages", "/tests/", "/test_")
NOTICE = f"""Python sources from Blender {VERSION}, as the Python package bpy {VERSION} ships them.
Copyright Blender Authors and the authors named in each file.
Each file states its licence in its first lines (SPDX-License-Identifier); Blender as a whole is GPL-3.0-or-later.
"""


def fetch(cache: Path) -> Path:
    """Return the package's wheel in `cache`, fetched by pip where it is missing; pip checks its hash."""
    found = sorted(cache.glob(f"bpy-{VERSION}-cp311-*.whl"))
    if found:
        return found[0]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(REQUIREMENT + "\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, *PYTHON, "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", scratch]
        subprocess.run(command, check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        return wheel.replace(cache / wheel.name)


def sources(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every Python source of Blender's own scripts, in order."""
    with zipfile.ZipFile(wheel) as opened:
        for name in sorted(opened.namelist()):
            path = PurePosixPath(name)
            if path.suffix != ".py" or "scripts" not in path.parts or any(part in name for part in SKIPPED):
                continue
            yield "/".join(path.parts[path.parts.index("scripts") + 1 :]), opened.read(name)


def collect(target: Path, cache: Path) -> int:
    """Write all sources below `target` and return their number. What stood there before is replaced."""
    wheel = fetch(cache)
    shutil.rmtree(target, ignore_errors=True)
    count = 0
    for path, content in sources(wheel):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
        count += 1
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    return count


def cache_folder() -> Path:
    """Return where downloads are kept between runs."""
    return Path(os.environ.get("SLIPWAY_CACHE", Path.home() / ".cache" / "slipway")) / "bpy"


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Collect Blender's Python sources as raw data.")
    parser.add_argument("target", type=Path, help="folder to write; it is replaced")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder for downloads")
    given = parser.parse_args()
    print(f"{collect(given.target, given.cache)} sources in {given.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
