"""Which code reads files, and does what is kept of the steps? Rows that another code read may be other rows."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import slipway.api
import slipway.contract
import slipway_data
import slipway_formats

PACKAGES = (slipway.api, slipway.contract, slipway_data, slipway_formats)
"""Whatever a reader may lean on, and more. Versions that people are to raise get forgotten."""
LIBRARIES = (
    "boolean-py",
    "detect-secrets",
    "identify",
    "license-expression",
    "markdown-it-py",
    "mdit-py-plugins",
    "numpy",
    "phonenumbers",
    "py3langid",
    "pyarrow",
    "pydantic",
    "pydantic-core",
    "python-stdnum",
    "pyyaml",
)
"""What readers read with and by, and steps that look at one row alone."""


@cache
def code() -> str:
    """Return a digest of the code of this image that reads files, its libraries and its Python."""
    files = [
        [package.__name__, path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()]
        for package in PACKAGES
        for root in map(Path, package.__path__)
        for path in sorted(root.rglob("*.py"))
    ]
    parts = [sys.version, [[name, metadata.version(name)] for name in LIBRARIES], files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
